import etag from '@koa/etag'
import Koa, { type Context, type Middleware } from 'koa'
import type { Logger } from 'pino'
import { TradelogError } from '../domain/errors.ts'
import { failureBody, failureOf, successBody } from './envelope.ts'
import { commonHeaders, preflightHeaders } from './headers.ts'
import type { Page } from './page.ts'
import type { Route } from './route.ts'
import { withinTimeLimit } from './time-limit.ts'

type ApplicationOptions = Readonly<{
  routes: readonly Route[]
  pages: readonly Page[]
  requestTimeoutMs: number
  corsOrigin: string | undefined
  logger: Logger
}>

/** The onion, outermost first. */
export const readApiApplication = (options: ApplicationOptions): Koa => {
  const { requestTimeoutMs, corsOrigin, logger } = options
  const application = new Koa()
  application.use(commonHeaders({ corsOrigin }))
  application.use(answerFailures(logger))
  application.use(notModified)
  application.use(etag())
  application.use(answer(options, requestTimeoutMs))
  // What fails behind the onion is a connection that broke while an answer was written.
  application.on('error', (error) => logger.debug({ err: error }, 'answer not written'))
  return application
}

const json = 'application/json; charset=utf-8'

const answerFailures =
  (logger: Logger): Middleware =>
  async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      const failure = failureOf(error)
      const level = failure.status === 500 ? 'error' : 'debug'
      logger[level]({ err: error, method: ctx.method, path: ctx.path }, 'request failed')
      ctx.status = failure.status
      ctx.set('Content-Type', json)
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

const answer = (
  { routes, pages }: Pick<ApplicationOptions, 'routes' | 'pages'>,
  timeoutMs: number,
): Middleware => {
  const routeOf = routeTable(routes)
  const pageOf = new Map(pages.map((page) => [page.path, page]))
  return async (ctx) => {
    const found = routeOf(ctx.path)
    const page = pageOf.get(ctx.path)
    if (found === undefined && page === undefined) throw notFound
    if (ctx.method === 'OPTIONS') return answerOptions(ctx)
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') throw methodNotAllowed(ctx)
    ctx.set('Cache-Control', 'no-cache')
    if (page !== undefined) {
      ctx.set(page.headers)
      ctx.body = page.body
    }
    if (found === undefined) return
    const { route, segment } = found
    const { res: response, query } = ctx
    const work = (signal: AbortSignal) => route.respond({ segment, query, signal })
    const data = await withinTimeLimit({ response, timeoutMs }, work)
    ctx.set('Content-Type', json)
    ctx.body = successBody(data)
  }
}

type Found = Readonly<{ route: Route; segment: string }>

/** The last segment stays as it was sent: a malformed escape in it is the route's to refuse. */
const routeTable = (routes: readonly Route[]): ((path: string) => Found | undefined) => {
  const plain = new Map<string, Route>()
  const withSymbol = new Map<string, Route>()
  for (const route of routes) (route.takesSymbol ? withSymbol : plain).set(route.path, route)
  return (path) => {
    const exact = plain.get(path)
    if (exact !== undefined) return { route: exact, segment: '' }
    const slash = path.lastIndexOf('/')
    const route = withSymbol.get(path.slice(0, slash))
    return route && { route, segment: path.slice(slash + 1) }
  }
}

const notFound = new TradelogError('NOT_FOUND', 'there is no such path; see /openapi.json')

const allowed = 'GET, HEAD, OPTIONS'

const methodNotAllowed = (ctx: Context): TradelogError => {
  ctx.set('Allow', allowed)
  return new TradelogError('METHOD_NOT_ALLOWED', `only ${allowed} are allowed here`)
}

const answerOptions = (ctx: Context): void => {
  ctx.set('Allow', allowed)
  if (ctx.res.hasHeader('Access-Control-Allow-Origin')) ctx.set(preflightHeaders)
  ctx.status = 204
}
