import type { FeedInterrupted } from '../../src/domain/feed-interrupted.ts'
import type { UnixMs } from '../../src/domain/time.ts'
import type { ReadModelStore } from '../../src/read-model-store/read-model-store.ts'
import type {
  IngestStatus,
  ProcessStatus,
  ProjectorStatus,
} from '../../src/read-model-store/status.ts'
import { feedReport, ingestReport } from './ingest-report.ts'
import { interruption } from './trade.ts'

export type Store = Pick<ReadModelStore, 'writeStatus'>
export type Feed = IngestStatus['feeds'][number]

/** What the log says when a symbol is listened to for the first time. */
export const firstListened = (symbol: string, until: UnixMs): FeedInterrupted =>
  interruption({ symbol, from: 0, until, reason: 'not listened before' })

/** A row of ingest: by default its feed `simulated` is connected. */
export async function reportFeed(
  store: Store,
  feed: Partial<Feed> & Pick<Feed, 'heardUntil'>,
  { source = 'ingest:test', ...fields }: Partial<IngestStatus> & { source?: string } = {},
): Promise<void> {
  const feeds = [feedReport({ source: 'simulated', ...feed })]
  await store.writeStatus(source, ingestReport({ feeds, ...fields }))
}

/** A row of the project role: by default its projectors are caught up, in partition 0. */
export async function reportProjectors(
  store: Store,
  at: UnixMs,
  fields: Partial<ProjectorStatus> = {},
): Promise<void> {
  const models = ['candles', 'interruptions'].map((model) => ({
    model,
    version: 1,
    generation: `${model}-1`,
    state: 'caught up' as const,
    since: 0,
    partitions: [],
    lastCommitAt: null,
    caughtUpAt: { 0: at },
    error: null,
    ...fields,
  }))
  const status: ProcessStatus = { kind: 'project', models, headsAt: at }
  await store.writeStatus('project:test', status)
}

/** Ingest has listened, and the projectors are caught up, until this time. */
export async function reportKnownUntil(store: Store, until: UnixMs): Promise<void> {
  await reportFeed(store, { heardUntil: until })
  await reportProjectors(store, until)
}
