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
import { TradelogError } from '../../domain/errors.ts'
import { eventKey, type TradelogEvent } from '../../domain/event.ts'
import { partitionOf } from '../../domain/partition.ts'
import type { RawRecord } from '../../domain/recorded-event.ts'
import { closeOnce } from '../../runtime/close-once.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import type { LmdbLease } from '../../runtime/lmdb-lease.ts'
import type { EventStore, ReadOptions } from '../event-store.ts'
import { groupBatches } from './batches.ts'
import { valueOfRaw } from './block.ts'
import type { LogOptions } from './environment.ts'
import { holdLease } from './lease.ts'
import {
  type EmbeddedLog,
  type NewRecord,
  openEmbeddedLog,
  type PreparedAppend,
  type SliceRange,
  storeClosed,
} from './log.ts'
import { createWakeUp } from './wake-up.ts'

/** A process that was elected for this role appends only while it holds it. */
const writerRole = 'ingest'
const electAgainMs = 1_000

/**
 * The log in a directory of this machine, which several processes may have open at a time. Rejects
 * with `EVENT_STORE_REFUSED` if that log has another format or partition count.
 */
export async function openEmbeddedEventStore(options: LogOptions): Promise<EventStore> {
  const log = await openEmbeddedLog(options)
  const wakeUp = createWakeUp(log)
  const closing = new Subject<void>()
  let writerLease: LmdbLease | undefined

  const checkOpen = () => {
    if (close.hasBegun()) throw storeClosed()
  }
  const write = appender(log, () => {
    if (writerLease !== undefined && !writerLease.isHeld()) throw notTheActiveWriter()
  })
  const append = async <T>(records: readonly T[], newRecord: (record: T) => NewRecord) => {
    checkOpen()
    if (records.length === 0) return
    await write(records, newRecord)
    crashPoint('append:durable')
    wakeUp.wake()
  }
  /** Completed streams release their leases; closing the log waits for that. */
  const endStreams = async () => closing.next()
  const close = closeOnce(() => endStreams().then(log.close))
  const whileOpen = <T>(source: () => Observable<T>): Observable<T> =>
    defer(() => {
      checkOpen()
      return source()
    }).pipe(takeUntil(closing))

  return {
    append: (events) => append(events, newRecordOf(log)),
    appendRaw: (records) => append(records, rawRecordOf),
    batches: (wanted) => whileOpen(() => groupBatches(log, wakeUp, wanted)),
    read: (wanted) => readRanges(log, checkOpen, wanted, log.sliceOnce()),
    readRaw: (wanted) => readRanges(log, checkOpen, wanted, log.raw),
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
    close,
  }
}

const newRecordOf =
  ({ partitions }: EmbeddedLog) =>
  (value: TradelogEvent): NewRecord => ({
    partition: partitionOf(eventKey(value), partitions),
    value,
  })

function rawRecordOf(record: RawRecord): NewRecord {
  const { partition, recordedAt } = record
  return { partition, recordedAt, value: valueOfRaw(record) }
}

/** Remembers appends of unknown outcome, so that the identical array is never written twice. */
function appender(log: EmbeddedLog, checkWriter: () => void) {
  const unsettled = new WeakMap<readonly unknown[], PreparedAppend>()
  return async <T>(records: readonly T[], newRecord: (record: T) => NewRecord): Promise<void> => {
    const prepared = unsettled.get(records) ?? log.prepare(records.map(newRecord), Date.now())
    unsettled.set(records, prepared)
    crashPoint('append:prepared')
    await log.append(prepared, checkWriter)
    unsettled.delete(records)
  }
}

async function* readRanges<T>(
  log: EmbeddedLog,
  checkOpen: () => void,
  { partition, from, to, batchEventsMax: eventsMax, signal }: ReadOptions,
  read: (range: SliceRange) => T,
): AsyncGenerator<T> {
  const check = () => {
    checkOpen()
    signal?.throwIfAborted()
  }
  check()
  const head = log.heads()[partition]
  if (head === undefined) throw new RangeError(`the log has no partition ${partition}`)
  const end = Math.min(to, head)
  for (let next = from; next < end; ) {
    const until = Math.min(end, next + eventsMax)
    yield read({ partition, from: next, to: until, eventsMax })
    next = until
    // Gives a turn to the API, which may run in this process.
    await nextTurn()
    check()
  }
}

/** A process that can't renew may have lost the role: it stands by until the log is writable. */
const roleLease = (log: EmbeddedLog, role: string): Observable<LmdbLease | undefined> =>
  holdLease(log, `role:${role}`).pipe(
    catchError((_, again) =>
      concat(of(undefined), timer(electAgainMs).pipe(switchMap(() => again))),
    ),
  )

const notTheActiveWriter = () =>
  new TradelogError('NOT_THE_ACTIVE_WRITER', 'another process has become the active ingest')
