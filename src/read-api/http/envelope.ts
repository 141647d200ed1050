import { type ErrorCode, TradelogError } from '../../domain/errors.ts'

/** One thing that is wrong, with the part of the request or service it is about. `since` is ISO. */
export type Reason = Readonly<{ part: string; message: string; since?: string }>

/** What a client is shown of an error. */
export type Failure = Readonly<{
  status: number
  code: ErrorCode
  message: string
  reasons?: readonly Reason[]
}>

export const jsonType = 'application/json; charset=utf-8'

export const successBody = (data: unknown): string =>
  JSON.stringify({ data, error: null, message: null })

export const failureBody = ({ code, message, reasons }: Failure): string =>
  JSON.stringify({ data: null, error: { code, reasons }, message })

export const statusOf = (code: ErrorCode): number => answers[code]?.status ?? 500

/** An error without an entry in `answers` is internal: its text never leaves the process. */
export function failureOf(error: unknown): Failure {
  const answer = error instanceof TradelogError ? answers[error.code] : undefined
  if (answer === undefined || !(error instanceof TradelogError)) return internalError
  const { code, message, fields } = error
  const failure = { status: answer.status, code, message: answer.message ?? message }
  return isReasons(fields.reasons) ? { ...failure, reasons: fields.reasons } : failure
}

export const withReasons = (
  code: ErrorCode,
  message: string,
  reasons: readonly Reason[],
): TradelogError => new TradelogError(code, message, { fields: { reasons } })

const storeFailed = 'the read models cannot be read at the moment; try again'

/** `message` replaces the error's own, which may reveal internals. */
const answers: Partial<Record<ErrorCode, Readonly<{ status: number; message?: string }>>> = {
  INVALID_REQUEST: { status: 400 },
  INVALID_SYMBOL: { status: 400 },
  INVALID_LIMIT: { status: 400 },
  INVALID_CURSOR: { status: 400 },
  INVALID_INTERVAL: { status: 400 },
  INVALID_QUERY: { status: 400 },
  NOT_FOUND: { status: 404 },
  SYMBOL_NOT_FOUND: { status: 404 },
  METHOD_NOT_ALLOWED: { status: 405 },
  BODY_TOO_LARGE: { status: 413 },
  URL_TOO_LONG: { status: 414 },
  TOO_MANY_REQUESTS: { status: 429 },
  NOT_READY: { status: 503 },
  OVERLOADED: { status: 503 },
  TOO_MANY_STREAMS: { status: 503 },
  READ_MODEL_NOT_FOUND: { status: 503 },
  READ_MODEL_STORE_UNAVAILABLE: { status: 503, message: storeFailed },
  READ_MODEL_STORE_FULL: { status: 503, message: storeFailed },
  READ_MODEL_STORE_CLOSED: { status: 503, message: storeFailed },
  GENERATION_DROPPED: { status: 503, message: storeFailed },
  TIMEOUT: { status: 504 },
}

const internalError: Failure = {
  status: 500,
  code: 'INTERNAL_ERROR',
  message: 'the API failed on this request; its log has the details',
}

const isReasons = (value: unknown): value is readonly Reason[] => Array.isArray(value)
