import { join } from 'node:path'
import { openEventStore, whenReachable } from '../compose.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { startIngest } from '../ingest/ingestor.ts'
import type { Command, CommandContext } from './command.ts'
import { feedSettings } from './feed-source.ts'
import { serveOperations } from './operations.ts'

export const ingest: Command = {
  options: {},
  run: async (context) => {
    const eventStore = await whenReachable(openEventStore, context)
    const role = await runIngest(context, eventStore)
    await serveOperations(context, role?.readiness ?? (async () => ['feed is none']))
    return 'until stopped'
  },
}

/** Starts the feed and ingest; undefined where there is no feed. */
export const runIngest = async (context: CommandContext, eventStore: EventStore) => {
  const { config, life, logger } = context
  const feed = await feedSettings(context)
  if (feed === undefined) return undefined
  const role = startIngest({
    eventStore,
    feed,
    directory: join(config.dataDirectory, 'ingest'),
    ...config.ingest,
    logger: logger.child({ component: 'ingest' }),
  })
  life.own({ close: () => role.stop({ timeoutMs: config.timeouts.shutdownMs / 2 }) })
  const readiness = async () => {
    const { state, isConnected } = role.stats()
    if (state === 'stopped') return ['ingest has stopped']
    return state === 'active' && !isConnected ? ['the feed is not connected'] : []
  }
  return { feed, readiness }
}
