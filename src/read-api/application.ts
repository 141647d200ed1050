import etag from '@koa/etag'
import Router, { type RouterMiddleware } from '@koa/router'
import Koa, { type Middleware } from 'koa'
import type { Logger } from 'pino'
import { TradelogError } from '../domain/errors.ts'
import { wellFormed, withinCapacity, withinClientRate } from './http/admission.ts'
import { failureBody, failureOf, jsonType, successBody } from './http/envelope.ts'
import { commonHeaders, type Headers, preflightHeaders, setHeaders } from './http/headers.ts'
import { cacheControl, keepWhile, keptAnswers } from './http/kept-answers.ts'
import type { ApiLimits } from './http/limits.ts'
import type { Route, StreamRoute } from './http/route.ts'
import { withinTimeLimit } from './http/time-limit.ts'
import type { Page } from './pages/page.ts'
import type { ReadModelReader } from './read-models/reader.ts'
import { type ApiMetrics, countRequests } from './status/metrics.ts'

type ApplicationOptions = Readonly<{
  routes: readonly Route[]
  pages: readonly Page[]
  stream: StreamRoute
  reader: ReadModelReader
  requestTimeoutMs: number
  limits: ApiLimits
  corsOrigin: string | undefined
  metrics: ApiMetrics
  logger: Logger
}>

/** The read API's middleware, outermost first. */
export function readApiApplication(options: ApplicationOptions): Koa {
  const { limits, corsOrigin, reader, metrics, logger } = options
  const headers = commonHeaders(corsOrigin)
  const application = new Koa()
  application.use(countRequests(metrics, options.stream.path))
  application.use(answerFailures(headers, logger))
  application.use(wellFormed)
  application.use(withinClientRate(limits))
  application.use(keptAnswers({ revisionOf: reader.revision, headers }))
  application.use(setHeaders(headers))
  application.use(withinCapacity(limits))
  application.use(notModified)
  application.use(etag())
  application.use(readApiRouter(options).routes())
  application.use(refuseUnrouted)
  // An error that gets this far is a connection that broke while an answer was written.
  application.on('error', (error) => logger.debug({ err: error }, 'answer not written'))
  return application
}

const answerFailures =
  (headers: Headers, logger: Logger): Middleware =>
  async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      const failure = failureOf(error)
      const level = failure.status === 500 ? 'error' : 'debug'
      logger[level]({ err: error, method: ctx.method, path: ctx.path }, 'request failed')
      for (const [name, value] of headers) ctx.res.setHeader(name, value)
      ctx.status = failure.status
      ctx.set('Content-Type', jsonType)
      ctx.set('Cache-Control', 'no-store')
      ctx.body = failureBody(failure)
    }
  }

const notModified: Middleware = async (ctx, next) => {
  await next()
  if (ctx.req.headers['if-none-match'] === undefined || !ctx.fresh) return
  ctx.status = 304
  ctx.body = null
}

function readApiRouter(options: ApplicationOptions): Router {
  const { routes, pages, stream } = options
  const router = new Router({ sensitive: true, strict: true })
  router.get(stream.path, stream.open)
  for (const page of pages) router.get(page.path, answerPage(page))
  for (const route of routes) router.get(pathOf(route), answerRoute(route, options))
  const paths = [stream.path, ...pages.map((page) => page.path), ...routes.map(pathOf)]
  for (const path of paths) router.options(path, answerOptions)
  return router
}

/** Runs after the router: refuses what matched no route or came by another method. */
const refuseUnrouted: Middleware = (ctx) => {
  if (ctx.matched.length === 0) throw notFound
  ctx.set('Allow', allowed)
  throw new TradelogError('METHOD_NOT_ALLOWED', `only ${allowed} are allowed here`)
}

const notFound = new TradelogError('NOT_FOUND', 'there is no such path; see /openapi.json')

const allowed = 'GET, HEAD, OPTIONS'

/** The symbol is optional here, so that the route itself refuses an empty one. */
const pathOf = ({ path, takesSymbol }: Route): string => (takesSymbol ? `${path}/{:symbol}` : path)

const answerPage =
  ({ headers, body }: Page): RouterMiddleware =>
  async (ctx) => {
    ctx.set('Cache-Control', cacheControl)
    ctx.set(headers)
    ctx.body = await body()
  }

const answerRoute =
  (route: Route, { reader, requestTimeoutMs: timeoutMs }: ApplicationOptions): RouterMiddleware =>
  async (ctx) => {
    ctx.set('Cache-Control', cacheControl)
    const { models } = route
    const revision = models && reader.revision(models)
    if (models && revision) {
      const until = performance.now() + (route.keptMsMax ?? Number.POSITIVE_INFINITY)
      keepWhile(ctx, { models, revision, until })
    }
    const { res: waiting, query } = ctx
    // As sent: the router's parameters hide a malformed escape, which the route must refuse.
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
