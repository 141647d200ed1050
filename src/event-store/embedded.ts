import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  catchError,
  concat,
  defer,
  distinctUntilChanged,
  map,
  type Observable,
  of,
  Subject,
  switchMap,
  takeUntil,
  tap,
  timer,
} from 'rxjs'
import { TradelogError } from '../domain/errors.ts'
import { eventKey, type TradelogEvent } from '../domain/event.ts'
import { partitionOf } from '../domain/partition.ts'
import { crashPoint } from '../runtime/crash-point.ts'
import type { LmdbLease } from '../runtime/lmdb.ts'
import { createWakeUp, groupBatches, holdLease } from './embedded-batches.ts'
import type { LogOptions } from './embedded-environment.ts'
import {
  type EmbeddedLog,
  openEmbeddedLog,
  type PreparedAppend,
  storeClosed,
} from './embedded-log.ts'
import type { EventStore, ReadOptions, Slice } from './event-store.ts'

/** Once this process was elected for it, only its holder appends. */
const writerRole = 'ingest'
const electAgainMs = 1_000

/**
 * The log in a directory of this machine, which several processes may have open at a time. Rejects
 * with `EVENT_STORE_REFUSED` where the log there has another partition count.
 */
export const openEmbeddedEventStore = async (options: LogOptions): Promise<EventStore> => {
  const log = await openEmbeddedLog(options)
  const wakeUp = createWakeUp(log)
  const closing = new Subject<void>()
  let closed: Promise<void> | undefined
  let writerLease: LmdbLease | undefined

  const checkOpen = () => {
    if (closed !== undefined) throw storeClosed()
  }
  const append = appender(log, () => {
    if (writerLease !== undefined && !writerLease.isHeld()) throw notTheActiveWriter()
  })
  /** Complete streams give their leases back, which closing the log waits for. */
  const endStreams = async () => closing.next()
  const whileOpen = <T>(source: () => Observable<T>): Observable<T> =>
    defer(() => {
      checkOpen()
      return source()
    }).pipe(takeUntil(closing))

  return {
    append: async (events) => {
      checkOpen()
      if (events.length === 0) return
      await append(events)
      crashPoint('append:durable')
      wakeUp.wake()
    },
    batches: (wanted) => whileOpen(() => groupBatches(log, wakeUp, wanted)),
    read: (wanted) => readSlices(log, checkOpen, wanted),
    heads: async () => {
      checkOpen()
      return log.bounds()
    },
    elect: (role) =>
      whileOpen(() => roleLease(log, role)).pipe(
        tap((lease) => {
          if (role === writerRole && lease !== undefined) writerLease = lease
        }),
        map((lease) => lease !== undefined),
        distinctUntilChanged(),
      ),
    close: () => {
      closed ??= endStreams().then(log.close)
      return closed
    },
  }
}

/** Remembers what isn't known to be durable, so that the identical array is never written twice. */
const appender = (log: EmbeddedLog, checkWriter: () => void) => {
  const unsettled = new WeakMap<readonly TradelogEvent[], PreparedAppend>()
  const prepare = (events: readonly TradelogEvent[]) =>
    log.prepare(
      events.map((value) => ({ partition: partitionOf(eventKey(value), log.partitions), value })),
      Date.now(),
    )
  return async (events: readonly TradelogEvent[]): Promise<void> => {
    const prepared = unsettled.get(events) ?? prepare(events)
    unsettled.set(events, prepared)
    crashPoint('append:prepared')
    await log.append(prepared, checkWriter)
    unsettled.delete(events)
  }
}

async function* readSlices(
  log: EmbeddedLog,
  checkOpen: () => void,
  { partition, from, to, batchEventsMax: eventsMax, signal }: ReadOptions,
): AsyncGenerator<Slice> {
  const check = () => {
    checkOpen()
    signal?.throwIfAborted()
  }
  check()
  const head = log.heads()[partition]
  if (head === undefined) throw new RangeError(`the log has no partition ${partition}`)
  const end = Math.min(to, head)
  const sliceOf = log.sliceOnce()
  for (let next = from; next < end; ) {
    const slice = sliceOf({ partition, from: next, to: end, eventsMax })
    yield slice
    next = slice.to
    // The API may run in this process and must have its turn.
    await nextTurn()
    check()
  }
}

/** Whoever can't renew may have lost it, and stands by until the log can be written again. */
const roleLease = (log: EmbeddedLog, role: string): Observable<LmdbLease | undefined> =>
  holdLease(log, `role:${role}`).pipe(
    catchError((_, again) =>
      concat(of(undefined), timer(electAgainMs).pipe(switchMap(() => again))),
    ),
  )

const notTheActiveWriter = () =>
  new TradelogError('NOT_THE_ACTIVE_WRITER', 'another process has become the active ingest')
