import type { IncomingMessage } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Middleware } from 'koa'
import { TradelogError } from '../../domain/errors.ts'
import { allowanceOf, clientAddress } from './client-address.ts'
import { clientRate } from './client-rate.ts'
import { type ApiLimits, bodyBytesMax, urlBytesMax } from './limits.ts'

/** Refuses what no route should see. */
export const wellFormed: Middleware = (ctx, next) => {
  const { req } = ctx
  // Two hosts are how a request is smuggled past a proxy that goes by the other one.
  const hosts = countHosts(req.rawHeaders)
  if (hosts > 1 || (hosts === 0 && req.httpVersion === '1.1')) throw oneHost
  if (Buffer.byteLength(req.url ?? '') > urlBytesMax) throw urlTooLong
  if (hasLargeBody(req)) {
    // What is left of it would be read as the next request.
    ctx.set('Connection', 'close')
    throw bodyTooLarge
  }
  return next()
}

/** Of names and values in turn. `headersDistinct` would sort all headers, for every request. */
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

/** Answers each client address with `TOO_MANY_REQUESTS` beyond its rate. */
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

/** Answers with `OVERLOADED` at once what would have to wait behind too many others. */
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
      // So that all which have come by now are counted before the first is worked on: a read of an
      // embedded store keeps the process to itself.
      await nextTurn()
      await next()
    } finally {
      inFlight -= 1
    }
  }
}

/** A supervisor that gets no answer would end a process for being busy. */
const isLiveness = (path: string): boolean => path === '/healthz'

const oneHost = new TradelogError('INVALID_REQUEST', 'a request names its Host once')
const urlTooLong = new TradelogError('URL_TOO_LONG', `at most ${urlBytesMax} bytes`)
const bodyTooLarge = new TradelogError(
  'BODY_TOO_LARGE',
  `no route takes a body; one of more than ${bodyBytesMax} bytes, or of unknown length, is refused`,
)
const tooManyRequests = new TradelogError(
  'TOO_MANY_REQUESTS',
  'this address asks too often; Retry-After says in how many seconds to go on',
)
const overloaded = new TradelogError('OVERLOADED', 'too much is asked at once; try again')
