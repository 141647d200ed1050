import type { Middleware, ParameterizedContext } from 'koa'
import { jsonType } from './envelope.ts'
import type { Headers } from './headers.ts'
import type { Named } from './route.ts'

/** The state of the read models that an answer was read from, or an earlier one. */
type ReadFrom = Readonly<{
  models: readonly Named[]
  revision: string
  /** By the clock `performance.now`: afterwards the answer isn't sent again. */
  until: number
}>

type Kept = ReadFrom &
  Readonly<{
    etag: string
    headers: readonly string[]
    body: Buffer
    /** The matched route, under which a repeated answer is counted. */
    route: unknown
  }>

type Options = Readonly<{
  /** The current revision of the read models; undefined if it isn't known at once. */
  revisionOf: (models: readonly Named[]) => string | undefined
  /** The headers of every answer. */
  headers: Headers
  bytesMax?: number
}>

const answerBytesMax = 256 * 1_024
const allBytesMax = 16 * 1_024 * 1_024

/**
 * Sends a kept answer again until something is committed to the read models it was read from: that
 * is exact, and about a fourth of the work. A route declares with `keepWhile` what it reads, and
 * for how long the answer is good if it depends on anything else. It bypasses Koa, so middleware
 * that must see every request belongs in front of it.
 */
export function keptAnswers({
  revisionOf,
  headers: common,
  bytesMax = allBytesMax,
}: Options): Middleware {
  const kept = answersWithin(bytesMax)
  return async (ctx, next) => {
    const { url } = ctx.req
    if (url === undefined || ctx.method !== 'GET') return await next()
    const known = kept.get(url)
    if (known !== undefined && performance.now() < known.until) {
      if (revisionOf(known.models) === known.revision && trySendAgain(ctx, known)) {
        ctx._matchedRoute = known.route
        return
      }
    }
    await next()
    const { body, status } = ctx
    const from = readFrom.get(ctx.req)
    const etag = ctx.response.get('ETag')
    if (from === undefined || status !== 200 || typeof body !== 'string' || !etag) return
    const own = { 'Content-Type': jsonType, 'Cache-Control': cacheControl, ETag: etag }
    const headers = [...common, ...Object.entries(own)].flat()
    const route: unknown = ctx._matchedRoute
    kept.put(url, { ...from, etag, headers, body: Buffer.from(body), route })
  }
}

/** A cache must revalidate every answer, kept here or not. */
export const cacheControl = 'no-cache'

const readFrom = new WeakMap<object, ReadFrom>()

/** Call it with a revision taken before the first read. */
export const keepWhile = ({ req }: Pick<ParameterizedContext, 'req'>, from: ReadFrom): void =>
  void readFrom.set(req, from)

/** Returns false if the request has other conditions, which the middleware behind it handles. */
function trySendAgain(ctx: ParameterizedContext, { etag, headers, body }: Kept): boolean {
  const { 'if-none-match': condition, 'cache-control': control } = ctx.req.headers
  if (condition !== undefined && (condition !== etag || control !== undefined)) return false
  // Answering through Koa would double the cost.
  ctx.respond = false
  if (condition === etag) {
    ctx.res.writeHead(304, withoutType(headers))
    ctx.res.end()
  } else {
    ctx.res.writeHead(200, ['Content-Length', String(body.length), ...headers])
    ctx.res.end(body)
  }
  return true
}

function withoutType(headers: readonly string[]): string[] {
  const at = headers.indexOf('Content-Type')
  return headers.toSpliced(at, 2)
}

/** Keeps answers up to `bytesMax`; drops the oldest first. */
function answersWithin(bytesMax: number) {
  const answers = new Map<string, Kept>()
  let bytes = 0
  const sizeOf = (url: string, { body, headers }: Kept) =>
    url.length + body.length + headers.length * 32
  const remove = (url: string): void => {
    const answer = answers.get(url)
    if (answer === undefined) return
    answers.delete(url)
    bytes -= sizeOf(url, answer)
  }
  return {
    get: (url: string) => answers.get(url),
    put: (url: string, answer: Kept): void => {
      remove(url)
      const size = sizeOf(url, answer)
      if (size > answerBytesMax) return
      answers.set(url, answer)
      bytes += size
      for (const oldest of answers.keys()) {
        if (bytes <= bytesMax) break
        remove(oldest)
      }
    },
  }
}
