import Router, { type RouterMiddleware } from '@koa/router'
import type { Middleware } from 'koa'
import { TradelogError } from '../domain/errors.ts'
import { jsonType, successBody } from './http/envelope.ts'
import { preflightHeaders } from './http/headers.ts'
import { cacheControl, keepWhile } from './http/kept-answers.ts'
import type { Route } from './http/route.ts'
import { withinTimeLimit } from './http/time-limit.ts'
import type { Page } from './pages/page.ts'
import type { ReadModelReader } from './read-models/reader.ts'
import type { StreamRoute } from './stream/route.ts'

type Options = Readonly<{
  reader: ReadModelReader
  routes: readonly Route[]
  pages: readonly Page[]
  stream: StreamRoute
  requestTimeoutMs: number
}>

export function readApiRouter(options: Options): Router {
  const { routes, pages, stream } = options
  const router = new Router({ sensitive: true, strict: true })
  router.get(stream.path, stream.open)
  for (const page of pages) router.get(page.path, answerPage(page))
  for (const route of routes) router.get(pathOf(route), answerRoute(route, options))
  const paths = [stream.path, ...pages.map((page) => page.path), ...routes.map(pathOf)]
  for (const path of paths) router.options(path, answerOptions)
  return router
}

/** To be used behind the router: says why it has passed a request on. */
export const refuseUnrouted: Middleware = (ctx) => {
  if (ctx.matched.length === 0) throw notFound
  ctx.set('Allow', allowed)
  throw new TradelogError('METHOD_NOT_ALLOWED', `only ${allowed} are allowed here`)
}

const notFound = new TradelogError('NOT_FOUND', 'there is no such path; see /openapi.json')

const allowed = 'GET, HEAD, OPTIONS'

/** The symbol may be missing, so that the route refuses an empty one like every wrong one. */
const pathOf = ({ path, takesSymbol }: Route): string => (takesSymbol ? `${path}/{:symbol}` : path)

const answerPage =
  ({ headers, body }: Page): RouterMiddleware =>
  async (ctx) => {
    ctx.set('Cache-Control', cacheControl)
    ctx.set(headers)
    ctx.body = await body()
  }

const answerRoute =
  (route: Route, { reader, requestTimeoutMs: timeoutMs }: Options): RouterMiddleware =>
  async (ctx) => {
    ctx.set('Cache-Control', cacheControl)
    const { models } = route
    const revision = models && reader.revision(models)
    if (models && revision) keepWhile(ctx, { models, revision })
    const { res: waiting, query } = ctx
    // As it was sent: the router's parameters hide a malformed escape, which the route refuses.
    const segment = ctx.captures?.[0] ?? ''
    const work = (signal: AbortSignal) => route.respond({ segment, query, signal })
    const data = await withinTimeLimit({ waiting, timeoutMs }, work)
    ctx.set('Content-Type', jsonType)
    ctx.body = successBody(data)
  }

const answerOptions: RouterMiddleware = (ctx) => {
  ctx.set('Allow', allowed)
  if (ctx.res.hasHeader('Access-Control-Allow-Origin')) ctx.set(preflightHeaders)
  ctx.status = 204
}
