import { join } from 'node:path'
import { openEventStore, whenReachable } from '../../compose.ts'
import type { EventStore } from '../../event-store/event-store.ts'
import { startIngest } from '../../ingest/ingestor.ts'
import { watchIngest } from '../../ingest/metrics.ts'
import { ingestReadiness } from '../../ingest/readiness.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { reasonOf } from '../../runtime/readiness.ts'
import type { Command, CommandContext } from '../command.ts'
import { feedSettings } from '../feed-source.ts'
import { serveOperations } from '../operations.ts'

export const ingest: Command = {
  options: {},
  run: async (context) => {
    const { metrics, begin } = await serveOperations(context)
    const eventStore = await whenReachable(openEventStore, context)
    const startedAt = Date.now()
    const role = await runIngest(context, metrics, eventStore)
    const withoutFeed = async () => [
      reasonOf('feed', 'is switched off: the settings say feed: none', startedAt),
    ]
    begin(role?.readiness ?? withoutFeed)
    return 'until stopped'
  },
}

/** Starts the feeds and ingest; undefined if the settings name no feed. */
export async function runIngest(context: CommandContext, metrics: Metrics, eventStore: EventStore) {
  const { config, life, logger } = context
  const feeds = await feedSettings(context)
  if (feeds.length === 0) return undefined
  const role = startIngest({
    eventStore,
    feeds,
    directory: join(config.dataDirectory, 'ingest'),
    ...config.ingest,
    logger: logger.child({ component: 'ingest' }),
  })
  life.own({ close: () => role.stop({ timeoutMs: config.timeouts.shutdownMs / 2 }) })
  watchIngest(metrics, { ...config.ingest, stats: role.stats })
  return {
    symbols: feeds.flatMap(({ symbols }) => symbols),
    readiness: ingestReadiness(role.stats),
  }
}
