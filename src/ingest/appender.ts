import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { hasCode, isRetriable } from '../domain/errors.ts'
import type { TradelogEvent } from '../domain/event.ts'
import type { UnixMs } from '../domain/time.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { type Backoff, backoffMs, countFailures, isLogged } from '../runtime/backoff.ts'
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
  const { eventStore, counts, now } = options
  const outage = createOutage(options)
  const rows = createRecordedRows(eventStore, over)
  let inFlight = 0

  const retryUntilTaken: Appender['retryUntilTaken'] = async (call) => {
    for (;;) {
      try {
        const answer = await call()
        outage.succeeded()
        return answer
      } catch (error) {
        if (hasCode(error, 'ELECTION_LAPSED')) outage.succeeded()
        if (over.aborted || !isRetriable(error) || electionErrors.some((of) => hasCode(error, of)))
          throw error
        counts.appendFailures++
        await sleep(outage.failed(error), undefined, { signal: over })
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

/** Unless `backoff` says otherwise. */
const usualLastingMs = 30_000

/**
 * Logs when the event store goes away, and when it is back for good: a store that takes an append
 * now and then is away all the time, and is asked ever more seldom.
 */
function createOutage({ backoff, logger, random }: AppenderOptions) {
  const { lastingMs = usualLastingMs } = backoff
  const row = countFailures({ lastingMs })
  let lasting: NodeJS.Timeout | undefined

  const succeeded = () => {
    const failures = row.works()
    if (failures > 0) logger.info({ failures }, 'event store is back')
    // It may be the last append for a long time.
    else if (row.since() !== undefined) lasting ??= setTimeout(again, lastingMs).unref()
  }
  const again = () => {
    lasting = undefined
    succeeded()
  }
  return {
    succeeded,
    /** How many ms to wait. */
    failed: (error: unknown): number => {
      clearTimeout(lasting)
      lasting = undefined
      const failures = row.failed()
      if (isLogged(failures)) logger.warn({ err: error, failures }, 'event store is away')
      return backoffMs(failures, random, backoff)
    },
  }
}
