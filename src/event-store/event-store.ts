import type { Observable } from 'rxjs'
import type { TradelogEvent } from '../domain/event.ts'
import type { LogRecord, RawRecord } from '../domain/recorded-event.ts'

/**
 * A slice of one partition in offset order. `from` is the `to` of the slice before it; `to` is the
 * next offset to read. Offsets may leave gaps, so checkpoints are made of `from` and `to`, never of
 * the events' own offsets.
 */
export type Slice = Readonly<{
  partition: number
  from: number
  to: number
  events: readonly LogRecord[]
}>

/** A slice; the partition continues only after its acknowledgement. */
export type Batch = Slice &
  Readonly<{
    /** Identity of the log and partition this comes from: see `PartitionBounds.origin`. */
    origin: string
    ack: () => void
  }>

/** What a partition holds now. */
export type PartitionBounds = Readonly<{
  partition: number
  /** The first offset that can still be read: 0 unless the log deletes records. */
  start: number
  /** The next offset to be written. */
  head: number
  /**
   * Identifies this partition of this very log for ever: another log of the same name has another
   * origin. Null while the partition is empty, if the log can't identify it by other means.
   */
  origin: string | null
}>

export type BatchesOptions = Readonly<{
  /** Members of one group divide the partitions; each partition has one reader at a time. */
  group: string
  /**
   * Called on every assignment, also of partitions held before, since another member may have moved
   * their checkpoints. Answers the next offset to read of each partition; a rejection errors the
   * stream. An offset outside `start`…`head` must not reach the adapter.
   */
  startFrom: (assigned: readonly PartitionBounds[]) => Promise<ReadonlyMap<number, number>>
  /** Upper bound of one batch; an adapter may send less, never more. */
  batchEventsMax: number
}>

export type ReadOptions = Readonly<{
  partition: number
  /** First offset to read. */
  from: number
  /** Ends before this offset; it is at most the head when the read began. */
  to: number
  batchEventsMax: number
  signal?: AbortSignal
}>

/**
 * The log: the only truth. Append-only, split into partitions by the event's key, kept for ever.
 * Every method rejects with a `TradelogError`: with `EVENT_STORE_UNAVAILABLE` if a retry may
 * succeed, with `EVENT_STORE_CLOSED` after `close()`.
 */
export interface EventStore {
  /**
   * Resolves when every event is durable, in the order given per key. After a rejection the outcome
   * is unknown: a retry with the identical array on the same store stores each event once.
   * Callers keep one append in flight. Rejects with `NOT_THE_ACTIVE_WRITER` if this process was
   * elected for `ingest` and has lost the role since.
   */
  append(events: readonly TradelogEvent[]): Promise<void>

  /**
   * Live slices for ever, of every partition that the group assigns to this process. The next batch
   * of a partition comes only after `ack()` of the one before: that is the whole backpressure.
   * Unsubscribing releases the partitions; unacknowledged batches come again. Errors with a
   * retriable code if the assignment is lost; retrying is the projector's job.
   */
  batches(options: BatchesOptions): Observable<Batch>

  /** A bounded read without a group, for replay, verify and ingest. It never reads ahead. */
  read(options: ReadOptions): AsyncIterable<Slice>

  /**
   * As `append`, with unchanged records of another log: each keeps its partition and record time,
   * and gets a new offset. Rejects with `COPY_REFUSED`, before anything is written, if this log
   * can't keep one of them unchanged.
   */
  appendRaw(records: readonly RawRecord[]): Promise<void>

  /** As `read`, with the records unchanged, for `appendRaw` of another log. */
  readRaw(options: ReadOptions): AsyncIterable<readonly RawRecord[]>

  /** Every partition, in order. */
  heads(): Promise<readonly PartitionBounds[]>

  /**
   * Emits true while this process holds the named role, false while it stands by. One process holds
   * it at a time; a dead holder is replaced. Unsubscribing resigns.
   */
  elect(role: string): Observable<boolean>

  /** Ends every stream and read of this store. A second call waits for the first. */
  close(): Promise<void>
}
