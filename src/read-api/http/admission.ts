import type { IncomingMessage } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Middleware } from 'koa'
import { TradelogError } from '../../domain/errors.ts'
import { allowanceOf, clientAddress } from './client-address.ts'
import { clientRate } from './client-rate.ts'
import { type ApiLimits, bodyBytesMax, urlBytesMax } from './limits.ts'

/** Refuses malformed and oversized requests before a route sees them. */
export const wellFormed: Middleware = (ctx, next) => {
  const { req } = ctx
  // A second Host can smuggle a request past a proxy that reads the other one.
  const hosts = countHosts(req.rawHeaders)
  if (hosts > 1 || (hosts === 0 && req.httpVersion === '1.1')) throw oneHost
  if (Buffer.byteLength(req.url ?? '') > urlBytesMax) throw urlTooLong
  if (hasLargeBody(req)) {
    // Otherwise the rest of the body would be read as the next request.
    ctx.set('Connection', 'close')
    throw bodyTooLarge
  }
  return next()
}

/** `rawHeaders` alternates names and values. `headersDistinct` would sort all of them each time. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length === 4 && name.toLowerCase() === 'host') count++
  }
  return count
}

const hasLargeBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > bodyBytesMax

/** Refuses a request with `TOO_MANY_REQUESTS` if its client address exceeds the rate. */
export function withinClientRate({
  clientRequestsPerSecond: requestsPerSecond,
  clientRequestsBurst: requestsBurst,
  trustedProxies,
}: ApiLimits): Middleware {
  if (requestsPerSecond === 'off') return (_, next) => next()
  const rate = clientRate({ requestsPerSecond, requestsBurst })
  const addressOf = clientAddress(trustedProxies)
  return (ctx, next) => {
    const waitMs = isLiveness(ctx.path) ? 0 : rate.take(allowanceOf(addressOf(ctx.req)))
    if (waitMs === 0) return next()
    ctx.set('Retry-After', String(Math.ceil(waitMs / 1_000)))
    throw tooManyRequests
  }
}

/** Refuses a request with `OVERLOADED` at once if too many others are in flight. */
export function withinCapacity({ requestsInFlightMax }: ApiLimits): Middleware {
  let inFlight = 0
  return async (ctx, next) => {
    if (isLiveness(ctx.path)) return await next()
    if (inFlight >= requestsInFlightMax) {
      ctx.set('Retry-After', '1')
      throw overloaded
    }
    inFlight += 1
    try {
      // Counts all requests that have arrived before it works on the first: a read of an embedded
      // store blocks the process.
      await nextTurn()
      await next()
    } finally {
      inFlight -= 1
    }
  }
}

/** Always answered: a supervisor without an answer would end a process that is only busy. */
const isLiveness = (path: string): boolean => path === '/healthz'

const oneHost = new TradelogError('INVALID_REQUEST', 'a request must have exactly one Host header')
const urlTooLong = new TradelogError('URL_TOO_LONG', `path and query exceed ${urlBytesMax} bytes`)
const bodyTooLarge = new TradelogError(
  'BODY_TOO_LARGE',
  `the body exceeds ${bodyBytesMax} bytes or is of unknown length; send none: no route reads one`,
)
const tooManyRequests = new TradelogError(
  'TOO_MANY_REQUESTS',
  'this address sends too many requests; try again after the seconds in Retry-After',
)
const overloaded = new TradelogError('OVERLOADED', 'too many requests are in flight; try again')
