import type { ParsedUrlQuery } from 'node:querystring'
import type { RouterMiddleware } from '@koa/router'
import type { ErrorCode, TradelogError } from '../../domain/errors.ts'
import { withReasons } from './envelope.ts'
import { type Fault, type ParameterName, type Query, queryCheck } from './query.ts'
import type { Parameter, Schema } from './schema.ts'
import { checkSymbol } from './symbol.ts'

/** What a route takes from a request before anything is checked. */
type RawRequest = Readonly<{
  /** The path's last segment as sent, with its escapes; empty on routes without a symbol. */
  segment: string
  query: ParsedUrlQuery
  signal: AbortSignal
}>

export type SymbolRequest<Name extends ParameterName> = Pick<Query, Name> &
  Readonly<{ symbol: string; signal: AbortSignal }>

/** A read model, by its name alone. */
export type Named = Readonly<{ name: string }>

/** One path: its input, its answer (the envelope's `data`) and its documentation. */
export type Route = Readonly<{
  /** If `takesSymbol`, one more segment follows. */
  path: string
  takesSymbol: boolean
  summary: string
  parameters: readonly ParameterName[]
  answer: Schema
  /** The codes it can fail with, besides those of its parameters. */
  failures: readonly ErrorCode[]
  /** The read models that a successful answer depends on: until a commit it may be sent again. */
  models?: readonly Named[]
  /** For how long it may be, if it depends on something else too. */
  keptMsMax?: number
  respond: (request: RawRequest) => Promise<unknown>
}>

/** A path that answers with events instead of the envelope. */
export type StreamRoute = Readonly<{
  path: string
  summary: string
  parameters: readonly Parameter[]
  /** The data of each event, by the event's name. */
  events: Readonly<Record<string, Schema>>
  failures: readonly ErrorCode[]
  open: RouterMiddleware
}>

type Definition<Request> = Readonly<{
  path: string
  summary: string
  answer: Schema
  failures?: readonly ErrorCode[]
  models?: readonly Named[]
  keptMsMax?: number
  read: (request: Request) => Promise<unknown>
}>

/** The codes that a request can fail with before a route sees it. */
export const refusals: readonly ErrorCode[] = [
  'INVALID_REQUEST',
  'BODY_TOO_LARGE',
  'URL_TOO_LONG',
  'TOO_MANY_REQUESTS',
  'OVERLOADED',
]

const storeFailures: readonly ErrorCode[] = [
  'READ_MODEL_NOT_FOUND',
  'READ_MODEL_STORE_UNAVAILABLE',
  'READ_MODEL_STORE_FULL',
  'READ_MODEL_STORE_CLOSED',
  'GENERATION_DROPPED',
  'TIMEOUT',
  'INTERNAL_ERROR',
]

/** A route without parameters. */
export function plainRoute(definition: Definition<{ signal: AbortSignal }>): Route {
  const check = queryCheck([])
  return {
    failures: storeFailures,
    ...definition,
    takesSymbol: false,
    parameters: [],
    respond: async ({ query, signal }) => {
      const faults: Fault[] = []
      if (check(query, faults) === undefined) throw refusal(faults)
      return await definition.read({ signal })
    },
  }
}

/** A route whose path ends in a symbol. */
export function symbolRoute<Name extends ParameterName = never>({
  parameters,
  read,
  ...definition
}: Definition<SymbolRequest<Name>> & Readonly<{ parameters: readonly Name[] }>): Route {
  const check = queryCheck(parameters)
  return {
    failures: ['SYMBOL_NOT_FOUND', ...storeFailures],
    ...definition,
    takesSymbol: true,
    parameters,
    respond: async ({ segment, query, signal }) => {
      const faults: Fault[] = []
      const symbol = checkSymbol(segment, faults)
      const values = check(query, faults)
      if (symbol === undefined || values === undefined) throw refusal(faults)
      return await read({ ...values, symbol, signal })
    },
  }
}

/** The first fault gives the code; the message names every one. */
export function refusal(faults: readonly Fault[]): TradelogError {
  const reasons = faults.map(({ part, message }) => ({ part, message }))
  const message = reasons.map((reason) => `${reason.part} ${reason.message}`).join('; ')
  return withReasons(faults[0]?.code ?? 'INVALID_QUERY', message, reasons)
}
