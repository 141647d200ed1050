import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { hasCode, isRetriable } from '../domain/errors.ts'
import type { TradelogEvent } from '../domain/event.ts'
import type { UnixMs } from '../domain/time.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { type Backoff, backoffMs } from '../runtime/backoff.ts'
import { crashPoint } from '../runtime/crash-point.ts'
import type { AppendCounts } from './counts.ts'
import { createRecordedRows } from './recorded-rows.ts'

export type AppenderOptions = Readonly<{
  eventStore: Pick<EventStore, 'append' | 'heads' | 'read'>
  backoff: Backoff
  counts: AppendCounts
  logger: Logger
  now: () => UnixMs
  random: () => number
}>

/** Appends for one term: skips what the log has already, retries what it refuses. */
export type Appender = Readonly<{
  /** Rejects as soon as the log refuses this process, or for good. One call at a time. */
  append: (events: readonly TradelogEvent[]) => Promise<void>
  /** Repeats the identical call until the event store takes it, or refuses for good. */
  retryUntilTaken: <T>(call: () => Promise<T>) => Promise<T>
  /** Events of the append under way that are not in the log yet. */
  inFlight: () => number
}>

/** What the next call would be refused for as well, or has to be made with other events. */
const electionErrors = ['NOT_THE_ACTIVE_WRITER', 'ELECTION_LAPSED'] as const

/** `over` ends the retries with the term. */
export function createAppender(options: AppenderOptions, over: AbortSignal): Appender {
  const { eventStore, backoff, counts, logger, now, random } = options
  const rows = createRecordedRows(eventStore, over)
  let inFlight = 0

  const retryUntilTaken: Appender['retryUntilTaken'] = async (call) => {
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
  /** False if another process may have appended: then the log has to be looked at again. */
  const tryAppend = async (events: readonly TradelogEvent[]): Promise<boolean> => {
    try {
      await retryUntilTaken(() => eventStore.append(events))
      return true
    } catch (error) {
      if (hasCode(error, 'ELECTION_LAPSED')) return false
      throw error
    }
  }
  const passedOver = (fresh: readonly TradelogEvent[]) => {
    counts.passedOver += inFlight - fresh.length
    inFlight = fresh.length
  }
  const appendFresh = async (events: readonly TradelogEvent[]) => {
    let fresh = await retryUntilTaken(() => rows.passOver(events))
    crashPoint('append:rows-passed-over')
    for (;;) {
      passedOver(fresh)
      if (fresh.length === 0 || (await tryAppend(fresh))) break
      const again = fresh
      fresh = await retryUntilTaken(() => rows.passOverAgain(again))
    }
    crashPoint('append:counted')
    counts.appended += inFlight
    counts.appends += 1
  }
  const append = async (events: readonly TradelogEvent[]) => {
    const begin = now()
    counts.appendingSince = begin
    inFlight = events.length
    try {
      await appendFresh(events)
    } catch (error) {
      counts.dropped += inFlight
      throw error
    } finally {
      inFlight = 0
      counts.appendMs += now() - begin
      counts.appendingSince = null
    }
  }
  return { append, retryUntilTaken, inFlight: () => inFlight }
}
