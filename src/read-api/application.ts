import etag from '@koa/etag'
import Koa, { type Middleware } from 'koa'
import type { Logger } from 'pino'
import { wellFormed, withinCapacity, withinClientRate } from './http/admission.ts'
import { failureBody, failureOf, jsonType } from './http/envelope.ts'
import { commonHeaders, type Headers, setHeaders } from './http/headers.ts'
import { keptAnswers } from './http/kept-answers.ts'
import type { ApiLimits } from './http/limits.ts'
import type { Route } from './http/route.ts'
import type { Page } from './pages/page.ts'
import type { ReadModelReader } from './read-models/reader.ts'
import { readApiRouter, refuseUnrouted } from './router.ts'
import { type ApiMetrics, countRequests } from './status/metrics.ts'
import type { StreamRoute } from './stream/route.ts'

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

/** The onion, outermost first. */
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
  // What fails behind the onion is a connection that broke while an answer was written.
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
