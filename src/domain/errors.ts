/**
 * Every error an operator or a client can meet, by its stable code. `retriable` says whether the
 * same call may succeed later without anybody changing anything.
 */
const codes = {
  CONFIG_INVALID: { retriable: false },
  OUTPUT_FAILED: { retriable: true },
  EVENT_STORE_UNAVAILABLE: { retriable: true },
  EVENT_STORE_FULL: { retriable: true },
  EVENT_STORE_CLOSED: { retriable: false },
  EVENT_STORE_REFUSED: { retriable: false },
  EVENT_TOO_LARGE: { retriable: false },
  EVENT_UNREADABLE: { retriable: false },
  EVENT_NOT_APPLICABLE: { retriable: false },
  SKIP_REFUSED: { retriable: false },
  COPY_REFUSED: { retriable: false },
  COPY_TARGET_DIFFERS: { retriable: false },
  NOT_THE_ACTIVE_WRITER: { retriable: true },
  ELECTION_LAPSED: { retriable: true },
  LOG_REPLACED: { retriable: false },
  LOG_TRUNCATED: { retriable: false },
  CHECKPOINT_BEYOND_HEAD: { retriable: false },
  CHECKPOINT_MOVED: { retriable: true },
  READ_MODEL_STORE_UNAVAILABLE: { retriable: true },
  READ_MODEL_STORE_FULL: { retriable: true },
  READ_MODEL_STORE_CLOSED: { retriable: false },
  READ_MODEL_NOT_FOUND: { retriable: true },
  GENERATION_DROPPED: { retriable: true },
  VERSION_MISMATCH: { retriable: false },
  NO_FORMER_GENERATION: { retriable: false },
  LEASE_HELD: { retriable: false },
  COUNTS_DISAGREE: { retriable: false },
  FEED_UNAVAILABLE: { retriable: true },
  FEED_FILE_INVALID: { retriable: false },
  INVALID_SYMBOL: { retriable: false },
  INVALID_LIMIT: { retriable: false },
  INVALID_CURSOR: { retriable: false },
  INVALID_INTERVAL: { retriable: false },
  INVALID_QUERY: { retriable: false },
  INVALID_REQUEST: { retriable: false },
  SYMBOL_NOT_FOUND: { retriable: false },
  NOT_FOUND: { retriable: false },
  METHOD_NOT_ALLOWED: { retriable: false },
  URL_TOO_LONG: { retriable: false },
  BODY_TOO_LARGE: { retriable: false },
  TOO_MANY_REQUESTS: { retriable: true },
  TIMEOUT: { retriable: true },
  NOT_READY: { retriable: true },
  OVERLOADED: { retriable: true },
  TOO_MANY_STREAMS: { retriable: true },
  INTERNAL_ERROR: { retriable: false },
} as const

export type ErrorCode = keyof typeof codes

export const errorCodes = Object.keys(codes) as readonly ErrorCode[]

type ErrorOptions = Readonly<{ cause?: unknown; fields?: Readonly<Record<string, unknown>> }>

/** The one error class of tradelog: a stable code, the data as fields, the cause kept. */
export class TradelogError extends Error {
  readonly code: ErrorCode
  readonly retriable: boolean
  readonly fields: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, { cause, fields = {} }: ErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'TradelogError'
    this.code = code
    this.retriable = codes[code].retriable
    this.fields = fields
  }
}

export const hasCode = (error: unknown, code: ErrorCode): error is TradelogError =>
  error instanceof TradelogError && error.code === code

/** Foreign errors are taken as passing faults: stopping for good needs one of our own codes. */
export const isRetriable = (error: unknown): boolean =>
  !(error instanceof TradelogError) || error.retriable
