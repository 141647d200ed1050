import { join } from 'node:path'
import { openEventStore, openReadModelStore, processName, whenReachable } from '../../compose.ts'
import type { EventStore } from '../../event-store/event-store.ts'
import { startIngest } from '../../ingest/ingestor.ts'
import { watchIngest } from '../../ingest/metrics.ts'
import { ingestReadiness } from '../../ingest/readiness.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import { makePart } from '../../runtime/files/data-directory.ts'
import { inTime } from '../../runtime/in-time.ts'
import { createLifetime } from '../../runtime/lifetime.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { type Readiness, reasonOf } from '../../runtime/readiness.ts'
import type { Command, CommandContext } from '../command.ts'
import { feedSettings } from '../feed-source.ts'
import { reportIngest, statusOf, statusWithoutFeed } from '../ingest-status.ts'
import { serveOperations } from '../operations.ts'

export const ingest: Command = {
  options: {},
  run: async (context) => {
    await makeIngestDirectory(context)
    const { metrics, begin } = await serveOperations(context)
    const eventStore = await whenReachable(openEventStore, context)
    const startedAt = Date.now()
    const role = await runIngest(context, metrics, {
      eventStore,
      openReadModelStore: openInBackground(context),
      withoutFeed: async () => [
        reasonOf('feed', 'is switched off: the settings say feed: none', startedAt),
      ],
    })
    begin(role.readiness)
    return 'until stopped'
  },
}

/** Refuses a directory that can't be used before anything else begins. */
export async function makeIngestDirectory({ config }: CommandContext): Promise<void> {
  if (!config.feed.includes('none')) await makePart(config.dataDirectory, 'ingest')
}

/** Opens the store only for reports: neither its absence nor its end may hold up ingest. */
function openInBackground(context: CommandContext): () => Promise<ReadModelStore> {
  const { config, life } = context
  const storeLife = createLifetime()
  life.own({ close: () => inTime(reportMsMax(config), storeLife.close) })
  return () => openReadModelStore({ ...context, life: storeLife })
}

/** The share of the time to stop that the last report may take. */
const reportMsMax = ({ timeouts }: CommandContext['config']): number => timeouts.shutdownMs / 10

type IngestStores = Readonly<{
  eventStore: EventStore
  /** For reports to the API; called again if it rejects. */
  openReadModelStore: () => Promise<ReadModelStore>
  /** What keeps a process from being ready if the settings name no feed. */
  withoutFeed: Readiness
}>

/** Starts the feeds and ingest, and reports on them. */
export async function runIngest(context: CommandContext, metrics: Metrics, stores: IngestStores) {
  const { eventStore, openReadModelStore: openStore, withoutFeed } = stores
  const { config, life, logger } = context
  const feeds = await feedSettings(context)
  const ofIngest = logger.child({ component: 'ingest' })
  const closeMsMax = reportMsMax(config)
  const reporting = { openStore, processName, closeMsMax, logger: ofIngest }
  if (feeds.length === 0) {
    const startedAt = Date.now()
    const status = async () => statusWithoutFeed(startedAt, await withoutFeed())
    life.own(reportIngest({ ...reporting, status }))
    return { symbols: [], readiness: withoutFeed }
  }
  const role = startIngest({
    eventStore,
    feeds,
    directory: join(config.dataDirectory, 'ingest'),
    ...config.ingest,
    logger: ofIngest,
  })
  const readiness = ingestReadiness(role.stats)
  const status = async () => statusOf(role.stats(), await readiness())
  const report = reportIngest({ ...reporting, status })
  const stop = async () => {
    await role.stop({ timeoutMs: config.timeouts.shutdownMs / 2 })
    await report.close()
  }
  life.own({ close: stop })
  watchIngest(metrics, { ...config.ingest, stats: role.stats })
  return { symbols: feeds.flatMap(({ symbols }) => symbols), readiness }
}
