import type { Middleware } from 'koa'
import type { UnixMs } from '../../domain/time.ts'
import { projectorStates } from '../../read-model-store/status.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import type { Page } from '../pages/page.ts'
import { feedStates, type IngestOverview, ingestStates } from './ingest.ts'
import type { Overview } from './overview.ts'
import type { ReadinessCheck } from './readiness.ts'

/** Every metric of the API. `docs/operations.md` says what they mean to an operator. */
export const declareApiMetrics = (metrics: Metrics) => ({
  ...declareRequestMetrics(metrics),
  ...declareFeedMetrics(metrics),
  ...declareReadModelMetrics(metrics),
})

export type ApiMetrics = ReturnType<typeof declareApiMetrics>

const declareRequestMetrics = ({ counter, gauge, histogram }: Metrics) => ({
  requests: counter({
    name: 'tradelog_api_requests_total',
    help: 'Requests answered, by method, route template and status.',
    labelNames: ['method', 'route', 'status'],
  }),
  requestDuration: histogram({
    name: 'tradelog_api_request_duration_seconds',
    help: 'Time from the head of a request to its answer, by route template, without streams.',
    labelNames: ['route'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  }),
  malformedRequests: counter({
    name: 'tradelog_api_malformed_requests_total',
    help: 'Requests that were not valid HTTP or arrived too slowly.',
  }),
  refusedConnections: counter({
    name: 'tradelog_api_refused_connections_total',
    help: 'Connections closed at once because limits.connections_max were open.',
  }),
  streamClients: gauge({
    name: 'tradelog_api_stream_clients',
    help: 'Clients of the live stream.',
  }),
  streamClientsMax: gauge({
    name: 'tradelog_api_stream_clients_max',
    help: 'The most clients that the live stream admits.',
  }),
})

const declareFeedMetrics = ({ gauge }: Metrics) => ({
  ingestState: gauge({
    name: 'tradelog_api_ingest_state',
    help: '1 for the state of ingest, 0 for the others, as in /api/v1/feeds.',
    labelNames: ['state'],
  }),
  feedState: gauge({
    name: 'tradelog_api_feed_state',
    help: '1 for the state of the feed, 0 for the others, as in /api/v1/feeds; unknown for null.',
    labelNames: ['feed', 'state'],
  }),
  feedHeardAge: gauge({
    name: 'tradelog_api_feed_heard_age_seconds',
    help: 'How long ago the feed was heard, with all that it had sent by then in the log.',
    labelNames: ['feed'],
  }),
})

/** What processes report in their status rows, even those that can't be scraped. */
const declareReadModelMetrics = ({ gauge }: Metrics) => ({
  ready: gauge({
    name: 'tradelog_api_ready',
    help: '1 if /readyz answers 200: read models are updated, and the feed is listened to.',
  }),
  storeUp: gauge({
    name: 'tradelog_api_read_model_store_up',
    help: '1 if the read-model store answered this scrape.',
  }),
  modelState: gauge({
    name: 'tradelog_read_model_state',
    help: '1 for the state of the active generation, 0 for the others, as in /api/v1/read-models.',
    labelNames: ['model', 'state'],
  }),
  modelLag: gauge({
    name: 'tradelog_read_model_lag_events',
    help: 'Events behind the log, over all partitions, as last reported by the project role.',
    labelNames: ['model'],
  }),
  statusAge: gauge({
    name: 'tradelog_read_model_status_age_seconds',
    help: 'Age of the last report on the active generation.',
    labelNames: ['model'],
  }),
  replayBuilding: gauge({
    name: 'tradelog_replay_building',
    help: '1 while a replay builds the next generation and reports on it.',
    labelNames: ['model'],
  }),
  replayDone: gauge({
    name: 'tradelog_replay_events_done',
    help: 'Events that the latest replay has applied.',
    labelNames: ['model'],
  }),
  replayExpected: gauge({
    name: 'tradelog_replay_events_expected',
    help: 'Events that the latest replay has to apply in total.',
    labelNames: ['model'],
  }),
  verifyResult: gauge({
    name: 'tradelog_verify_result',
    help: '1 for the result of the latest verification, 0 for the others.',
    labelNames: ['model', 'result'],
  }),
  verifySkipped: gauge({
    name: 'tradelog_verify_events_skipped',
    help: 'Events that the latest verification skipped because an operator said so.',
    labelNames: ['model'],
  }),
  verifiedAt: gauge({
    name: 'tradelog_verify_finished_timestamp_seconds',
    help: 'When the latest verification ended (Unix time).',
    labelNames: ['model'],
  }),
})

/** The outermost middleware: counts each request by its final answer. */
export const countRequests =
  ({ requests, requestDuration }: ApiMetrics, streamPath: string): Middleware =>
  async (ctx, next) => {
    const begin = performance.now()
    await next()
    const route = templateOf(ctx._matchedRoute)
    requests.inc({ method: ctx.method, route, status: ctx.status })
    // How long a client stays on a stream says nothing about the API.
    if (route === streamPath) return
    requestDuration.observe({ route }, (performance.now() - begin) / 1_000)
  }

/** `/api/v1/trades/:symbol`; unknown paths are all counted as `none`. */
function templateOf(matched: unknown): string {
  if (typeof matched !== 'string') return 'none'
  const template = templates.get(matched) ?? matched.replace(/\/\{(:\w+)\}$/, '/$1')
  templates.set(matched, template)
  return template
}

/** One entry for each route. */
const templates = new Map<string, string>()

export const metricsPage = ({ contentType, text }: Metrics): Page => ({
  path: '/metrics',
  headers: { 'Content-Type': contentType },
  body: text,
})

type Sources = Readonly<{
  check: () => Promise<ReadinessCheck>
  streams: Readonly<{ clients: () => number; clientsMax: number }>
  now: () => UnixMs
}>

/** Gives what sets the metrics of status rows and streams before a scrape. It never rejects. */
export function metricsUpdate(metrics: ApiMetrics, { check, streams, now }: Sources) {
  metrics.streamClientsMax.set(streams.clientsMax)
  return async (): Promise<void> => {
    metrics.streamClients.set(streams.clients())
    const { reasons, overview } = await check().catch(() => unknown)
    metrics.ready.set(overview !== undefined && reasons.length === 0 ? 1 : 0)
    metrics.storeUp.set(overview === undefined ? 0 : 1)
    // A value that isn't known is removed: the former one would be wrong.
    for (const metric of metricsOfReports(metrics)) metric.reset()
    if (overview === undefined) return
    setFeeds(metrics, overview.ingest, now())
    setPerModel(metrics, overview, now())
  }
}

const unknown: ReadinessCheck = { reasons: [], overview: undefined }

const metricsOfReports = (metrics: ApiMetrics) => [
  metrics.ingestState,
  metrics.feedState,
  metrics.feedHeardAge,
  metrics.modelState,
  metrics.modelLag,
  metrics.statusAge,
  metrics.replayBuilding,
  metrics.replayDone,
  metrics.replayExpected,
  metrics.verifyResult,
  metrics.verifySkipped,
  metrics.verifiedAt,
]

function setFeeds(metrics: ApiMetrics, { state, feeds }: IngestOverview, now: UnixMs): void {
  for (const each of ingestStates) metrics.ingestState.set({ state: each }, each === state ? 1 : 0)
  for (const { source: feed, state, heardUntil } of feeds) {
    for (const each of [...feedStates, 'unknown']) {
      metrics.feedState.set({ feed, state: each }, each === (state ?? 'unknown') ? 1 : 0)
    }
    if (heardUntil === null) continue
    metrics.feedHeardAge.set({ feed }, Math.max(0, now - heardUntil) / 1_000)
  }
}

const modelStates = ['not built', ...projectorStates, 'frozen'] as const
const verifyResults = ['equal', 'different', 'could not check'] as const

function setPerModel(metrics: ApiMetrics, { models, statuses }: Overview, now: UnixMs): void {
  for (const { model, status } of models) {
    for (const state of modelStates) {
      metrics.modelState.set({ model, state }, (status?.state ?? 'not built') === state ? 1 : 0)
    }
    if (status?.writtenAt != null) {
      metrics.statusAge.set({ model }, Math.max(0, now - status.writtenAt) / 1_000)
      const lags = Array.from(status.partitions.values(), ({ head, next }) => head - next)
      metrics.modelLag.set(
        { model },
        lags.reduce((sum, lag) => sum + lag, 0),
      )
    }
    const replay = statuses.replays.find((of) => of.model === model)
    if (replay !== undefined) {
      const isBuilding = replay.state === 'building' && !replay.isStale
      metrics.replayBuilding.set({ model }, isBuilding ? 1 : 0)
      metrics.replayDone.set({ model }, replay.eventsDone)
      metrics.replayExpected.set({ model }, replay.eventsTotal)
    }
    const verification = statuses.verifications.find((of) => of.model === model)
    if (verification === undefined) continue
    metrics.verifySkipped.set({ model }, verification.eventsSkipped ?? 0)
    metrics.verifiedAt.set({ model }, verification.finishedAt / 1_000)
    for (const result of verifyResults) {
      metrics.verifyResult.set({ model, result }, verification.result === result ? 1 : 0)
    }
  }
}
