import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Logger } from 'pino'
import { TradelogError } from '../domain/errors.ts'
import type { UnixMs } from '../domain/time.ts'
import type { ReadModelStore } from '../read-model-store/read-model-store.ts'
import { allEnded } from '../runtime/all-ended.ts'
import { closeOnce } from '../runtime/close-once.ts'
import type { Metrics } from '../runtime/metrics.ts'
import type { Readiness } from '../runtime/readiness.ts'
import { readApiApplication } from './application.ts'
import { failureBody } from './http/envelope.ts'
import {
  type ApiLimits,
  headerBytesMax,
  headersMsMax,
  idleMsMax,
  requestMsMax,
} from './http/limits.ts'
import { docsPage } from './pages/docs-page.ts'
import { openApiDocument, openApiPage } from './pages/openapi.ts'
import { publicPages } from './pages/public-pages.ts'
import { readModelReader } from './read-models/reader.ts'
import { reportReader } from './read-models/reports.ts'
import { routes as everyRoute } from './routes/index.ts'
import { declareApiMetrics, metricsPage, metricsUpdate } from './status/metrics.ts'
import { readinessCheck } from './status/readiness.ts'
import { openStreams, type StreamOptions } from './stream/route.ts'

export type ReadApiOptions = Readonly<{
  /** Stays open when the API closes: it belongs to the caller. */
  store: ReadModelStore
  /** Whether a process of the ingest role has to report on a feed; without, the API isn't ready. */
  expectsIngest: boolean
  host: string
  /** 0 picks a free port. */
  port: number
  /** A request that takes longer gets `TIMEOUT`, and its reads are aborted. */
  requestTimeoutMs: number
  limits: ApiLimits
  /** Overrides the timeouts for slow clients. */
  slowness?: Partial<typeof slowness>
  /** The origin whose pages may read the API (`*`: any). If not set, only its own pages may. */
  corsOrigin?: string | undefined
  /** Overrides the limits of the live stream. */
  stream?: Partial<Omit<StreamOptions, 'clientsMax'>>
  /** The metrics of the process, shown at `/metrics`; the API adds its own. */
  metrics: Metrics
  logger: Logger
  now?: () => UnixMs
}>

export type ReadApi = Readonly<{
  url: string
  port: number
  /** The reasons that `/readyz` gives. */
  readiness: Readiness
  /** Finishes the requests in flight; a second call waits for the first. */
  close: () => Promise<void>
}>

const slowness = { headersMsMax, requestMsMax, idleMsMax, checkEveryMs: 1_000 }
/** By then every request is answered; an open connection belongs to a client that doesn't read. */
const closeTimeoutMs = 3_000
const closeIdleEveryMs = 50
/** Shorter than the timeout of a probe, so that the answer still names a store that hangs. */
const readinessMsMax = 2_000

/** Serves the read models over HTTP. Rejects with `CONFIG_INVALID` if it can't listen. */
export async function startReadApi(options: ReadApiOptions): Promise<ReadApi> {
  const { store, expectsIngest, host, requestTimeoutMs, limits, corsOrigin, logger } = options
  const { now = Date.now } = options
  const metrics = declareApiMetrics(options.metrics)
  const reader = readModelReader({ store, logger })
  const readReports = reportReader({ store, now })
  const check = readinessCheck({ store, expectsIngest, now, timeoutMs: readinessMsMax })
  const readiness = async () => (await check()).reasons
  const routes = everyRoute({ reader, readReports, store, expectsIngest, now, readiness })
  const streams = openStreams({
    reader,
    readReports,
    clientsMax: limits.streamsMax,
    pollMsMax: requestTimeoutMs,
    ...options.stream,
  })
  const document = openApiDocument(routes, streams.route)
  const pages = [
    openApiPage(document),
    docsPage(document),
    metricsPage(options.metrics),
    ...publicPages(),
  ]
  const application = readApiApplication({
    routes,
    pages,
    stream: streams.route,
    reader,
    requestTimeoutMs,
    limits,
    corsOrigin,
    metrics,
    logger,
  })
  const server = createApiServer(options, application.callback())
  server.on('clientError', () => metrics.malformedRequests.inc())
  server.on('drop', () => metrics.refusedConnections.inc())
  options.metrics.beforeScrape(metricsUpdate(metrics, { check, streams, now }))
  const port = await listen(server, options)
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  logger.info({ url }, 'read API listening')
  const close = closeOnce(async () => {
    await allEnded([closeServer(server), streams.close()])
    logger.info('read API closed')
  })
  return { url, port, readiness, close }
}

function createApiServer(options: ReadApiOptions, answer: RequestListener): Server {
  const slow = { ...slowness, ...options.slowness }
  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      headersTimeout: slow.headersMsMax,
      requestTimeout: slow.requestMsMax,
      connectionsCheckingInterval: slow.checkEveryMs,
      // The application refuses a missing Host instead, in the envelope.
      requireHostHeader: false,
    },
    answer,
  )
  server.maxConnections = options.limits.connectionsMax
  server.setTimeout(slow.idleMsMax)
  server.on('clientError', answerMalformed)
  // An unknown `Expect` may be ignored; Node's own answer to it would have no envelope.
  server.on('checkExpectation', answer)
  return server
}

const listen = (server: Server, { host, port }: { host: string; port: number }): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `api_port: cannot listen on ${host}:${port}: ${cause.message}`
      reject(new TradelogError('CONFIG_INVALID', message, { cause }))
    })
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })

/** Closes idle keep-alive connections too: they would keep the server open for seconds. */
async function closeServer(server: Server): Promise<void> {
  server.prependListener('request', (_, response: ServerResponse) => {
    response.setHeader('Connection', 'close')
  })
  const idle = setInterval(() => server.closeIdleConnections(), closeIdleEveryMs)
  const limit = setTimeout(() => server.closeAllConnections(), closeTimeoutMs)
  await new Promise((resolve) => server.close(resolve))
  clearInterval(idle)
  clearTimeout(limit)
}

const malformed: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** Answers a request that isn't HTTP in the envelope: it never reaches the application. */
function answerMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const statusLine = malformed[error.code ?? ''] ?? '400 Bad Request'
  const message = `the request cannot be read: ${statusLine.slice(4).toLowerCase()}`
  const body = failureBody({ status: 400, code: 'INVALID_REQUEST', message })
  const headers = [
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end([`HTTP/1.1 ${statusLine}`, ...headers, '', body].join('\r\n'))
}
