import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { hasCode, isRetriable } from '../domain/errors.ts'
import type { TradelogEvent } from '../domain/event.ts'
import type { UnixMs } from '../domain/time.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { type Backoff, backoffMs } from '../runtime/backoff.ts'
import { crashPoint } from '../runtime/crash-point.ts'
import type { IngestCounts } from './counts.ts'
import type { RecordedRows } from './recorded-rows.ts'

export type AppendingOptions = Readonly<{
  eventStore: Pick<EventStore, 'append'>
  backoff: Backoff
  counts: IngestCounts
  logger: Logger
  now: () => UnixMs
  random: () => number
}>

/**
 * Appends what the log doesn't have, of which `leave` is told how many these are. Where another may
 * have been the active one for a while, what it has appended is passed over as well.
 */
export async function appendFresh(
  options: AppendingOptions,
  over: AbortSignal,
  rows: RecordedRows,
  events: readonly TradelogEvent[],
  leave: (fresh: number) => void,
): Promise<void> {
  let fresh = await insist(options, over, () => rows.passOver(events))
  crashPoint('append:rows-passed-over')
  for (;;) {
    leave(fresh.length)
    if (fresh.length === 0 || (await isAppended(options, over, fresh))) return
    const again = fresh
    fresh = await insist(options, over, () => rows.passOverAgain(again))
  }
}

async function isAppended(
  options: AppendingOptions,
  over: AbortSignal,
  events: readonly TradelogEvent[],
): Promise<boolean> {
  try {
    await insist(options, over, () => options.eventStore.append(events))
    return true
  } catch (error) {
    if (hasCode(error, 'ELECTION_LAPSED')) return false
    throw error
  }
}

/** Counts the time that appends take, and tells of one that takes long. */
export const timed =
  (
    { counts, now }: AppendingOptions,
    append: (events: readonly TradelogEvent[]) => Promise<void>,
  ) =>
  async (events: readonly TradelogEvent[]): Promise<void> => {
    const begin = now()
    counts.appendingSince = begin
    try {
      await append(events)
      counts.appends += 1
    } finally {
      counts.appendMs += now() - begin
      counts.appendingSince = null
    }
  }

/** What the next call would be told as well, or has to be told with other events. */
const electionErrors = ['NOT_THE_ACTIVE_WRITER', 'ELECTION_LAPSED'] as const

/** Repeats the identical call until the event store takes it, or refuses for good. */
export async function insist<T>(
  { backoff, counts, logger, random }: AppendingOptions,
  over: AbortSignal,
  call: () => Promise<T>,
): Promise<T> {
  let failures = 0
  const isBack = () => {
    if (failures > 0) logger.info({ failures }, 'event store is back')
  }
  for (;;) {
    try {
      const answer = await call()
      isBack()
      return answer
    } catch (error) {
      if (hasCode(error, 'ELECTION_LAPSED')) isBack()
      if (over.aborted || !isRetriable(error) || electionErrors.some((of) => hasCode(error, of)))
        throw error
      counts.appendFailures++
      if (++failures === 1) logger.warn({ err: error }, 'event store is away')
      await sleep(backoffMs(failures, random, backoff), undefined, { signal: over })
    }
  }
}
