import type { UnixMs } from '../../domain/time.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import { plainRoute, type Route } from '../http/route.ts'
import { list, object } from '../http/schema.ts'
import { isoOf } from '../read-models/time.ts'
import { type IngestOverview, ingestOverview } from '../status/ingest.ts'
import { feedSchema, ingestSchema } from '../status/schema.ts'
import { readStatuses } from '../status/statuses.ts'

type Sources = Readonly<{ store: ReadModelStore; expectsIngest: boolean; now: () => UnixMs }>

/** What ingest knows of its feeds, as the process that listens to them reports it every second. */
export const feedsRoute = ({ store, expectsIngest, now }: Sources): Route =>
  plainRoute({
    path: '/api/v1/feeds',
    summary: 'Every feed: whether it is listened to, since when, and what is wrong with it',
    answer: object({ data: list(feedSchema), ingest: ingestSchema }),
    read: async () => {
      const { ingests } = await readStatuses(store, now())
      const { feeds, ...ingest } = ingestOverview(ingests, expectsIngest, now())
      return { data: feeds.map(shownFeed), ingest: shownIngest(ingest) }
    },
  })

const shownFeed = ({ interruption, ...feed }: IngestOverview['feeds'][number]) => ({
  source: feed.source,
  state: feed.state,
  since: isoOf(feed.since),
  problem: feed.problem,
  heard_until: isoOf(feed.heardUntil),
  last_trade_at: isoOf(feed.lastTradeAt),
  interruption: interruption && {
    from: isoOf(interruption.from),
    until: isoOf(interruption.until),
    reason: interruption.reason,
  },
  status_at: isoOf(feed.writtenAt),
  is_stale: feed.isStale,
})

const shownIngest = ({ state, since, problems, writtenAt }: Omit<IngestOverview, 'feeds'>) => ({
  state,
  since: isoOf(since),
  problems: problems.map((problem) => ({ ...problem, since: isoOf(problem.since) })),
  status_at: isoOf(writtenAt),
})
