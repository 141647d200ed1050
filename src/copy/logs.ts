import { setTimeout as sleep } from 'node:timers/promises'
import { filter, firstValueFrom, map, merge, shareReplay, timer } from 'rxjs'
import { hasCode, TradelogError } from '../domain/errors.ts'
import type { RawRecord } from '../domain/recorded-event.ts'
import type { EventStore, PartitionBounds } from '../event-store/event-store.ts'
import { backoffMs } from '../runtime/backoff.ts'
import type { CopySource, CopyTarget } from './copy.ts'

const batchEventsMax = 2_000
/** Longer than the session of a writer that was killed: so long it keeps the role. */
const electedWithinMs = 30_000
const appendTriesMax = 10

/** The log up to its present heads: what is appended later is for the next copy. */
export async function logSource(eventStore: EventStore): Promise<CopySource> {
  const bounds = await eventStore.heads()
  for (const { partition, start } of bounds) if (start > 0) throw truncated(partition, start)
  return {
    partitions: bounds.length,
    total: bounds.reduce((sum, { head }) => sum + head, 0),
    records: () => recordsOf(eventStore, bounds, () => 0),
  }
}

/** The caller must hold the writer's role: see `takeWriterRole`. */
export async function logTarget(eventStore: EventStore): Promise<CopyTarget> {
  const read = new Map<number, number>()
  const { length: partitions } = await eventStore.heads()
  return {
    partitions,
    isReadable: true,
    unread: async function* () {
      const bounds = await eventStore.heads()
      yield* recordsOf(eventStore, bounds, (partition) => read.get(partition) ?? 0)
      for (const { partition, head } of bounds) read.set(partition, head)
    },
    append: (records) => appendWithRetries(eventStore, records),
    flush: async () => {},
  }
}

/**
 * Takes the role of ingest until closed: no ingest and no other copy writes into the log meanwhile.
 * Rejects with `NOT_THE_ACTIVE_WRITER` if another process has the role and keeps it.
 */
export async function takeWriterRole(
  eventStore: EventStore,
  withinMs = electedWithinMs,
): Promise<{ close: () => void }> {
  const election = eventStore.elect('ingest').pipe(shareReplay({ bufferSize: 1, refCount: true }))
  const elected = merge(
    election.pipe(filter((isElected) => isElected)),
    timer(withinMs).pipe(map(() => false)),
  )
  const role = election.subscribe({ error: () => {} })
  if (await firstValueFrom(elected)) return { close: () => role.unsubscribe() }
  role.unsubscribe()
  throw notTheWriter()
}

export async function refuseSameLog(source: EventStore, target: EventStore): Promise<void> {
  const origins = (await source.heads()).map(({ origin }) => origin)
  for (const { origin } of await target.heads()) {
    if (origin === null || !origins.includes(origin)) continue
    throw new TradelogError('COPY_REFUSED', 'source and target are the same log')
  }
}

async function* recordsOf(
  eventStore: EventStore,
  bounds: readonly PartitionBounds[],
  from: (partition: number) => number,
): AsyncGenerator<readonly RawRecord[]> {
  for (const { partition, head: to } of bounds) {
    const range = { partition, from: from(partition), to, batchEventsMax }
    if (range.from < to) yield* eventStore.readRaw(range)
  }
}

/**
 * Retries only while the store is unavailable. The identical array is then the same append, as
 * nobody else can have written meanwhile. Any other error needs a new run, which compares again.
 */
async function appendWithRetries(
  eventStore: EventStore,
  records: readonly RawRecord[],
): Promise<void> {
  for (let failures = 1; ; failures++) {
    try {
      return await eventStore.appendRaw(records)
    } catch (error) {
      if (!hasCode(error, 'EVENT_STORE_UNAVAILABLE') || failures === appendTriesMax) throw error
      await sleep(backoffMs(failures))
    }
  }
}

const truncated = (partition: number, start: number) =>
  new TradelogError(
    'LOG_TRUNCATED',
    `partition ${partition} of the source has lost its records below ${start} and can't be copied`,
    { fields: { partition, start } },
  )

const notTheWriter = () =>
  new TradelogError(
    'NOT_THE_ACTIVE_WRITER',
    'another process writes into the target; stop the ingest or the copy that runs on it',
  )
