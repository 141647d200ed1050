import type { Observable } from 'rxjs'
import type { TradelogEvent } from '../domain/event.ts'
import type { LogRecord, RawRecord } from '../domain/recorded-event.ts'

/**
 * A slice of one partition in offset order. `from` is the `to` of the slice before it (a log may
 * leave gaps), `to` the next offset to read: checkpoints are made of `from` and `to`, never of the
 * events' own offsets.
 */
export type Slice = Readonly<{
  partition: number
  from: number
  to: number
  events: readonly LogRecord[]
}>

/** A slice that somebody has to acknowledge before the partition goes on. */
export type Batch = Slice &
  Readonly<{
    /** Identity of the log and partition this comes from: see `PartitionBounds.origin`. */
    origin: string
    ack: () => void
  }>

/** What a partition holds now. */
export type PartitionBounds = Readonly<{
  partition: number
  /** The first offset that can still be read: 0 unless the log forgets. */
  start: number
  /** The next offset to be written. */
  head: number
  /**
   * Names this partition of this very log for ever: another log of the same name has another one.
   * Null while the partition is empty, if the log has no other name for it.
   */
  origin: string | null
}>

export type BatchesOptions = Readonly<{
  /** Members of one group share the partitions out; each partition has one reader at a time. */
  group: string
  /**
   * Where to start: called on every assignment, also of partitions held before, since another
   * member may have moved them. It answers the next offset to read of each partition, or rejects,
   * which errors the stream. A position outside `start`…`head` must not reach the adapter.
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
 * Every method rejects with a `TradelogError`: `EVENT_STORE_UNAVAILABLE` may pass by itself,
 * `EVENT_STORE_CLOSED` after `close()`.
 */
export interface EventStore {
  /**
   * Resolves when every event is durable, in the order given per key. After a rejection nothing is
   * known; calling again with the identical array on the same store makes each event once.
   * Callers keep one append in flight. Rejects with `NOT_THE_ACTIVE_WRITER` if this process had
   * been elected for `ingest` and has lost it since.
   */
  append(events: readonly TradelogEvent[]): Promise<void>

  /**
   * Live slices for ever, of every partition that the group gives to this process. The next batch
   * of a partition comes only after `ack()` of the one before: that is the whole backpressure.
   * Unsubscribing gives back what wasn't acknowledged, and the partitions. Errors with
   * a retriable code if the assignment was lost; retrying is the projector's job.
   */
  batches(options: BatchesOptions): Observable<Batch>

  /** A bounded read outside of any group, for replay, verify and ingest. Pulled: nothing is read ahead of the consumer. */
  read(options: ReadOptions): AsyncIterable<Slice>

  /**
   * As `append`, with records of another log as they lie there: each goes into the partition that it
   * names, with its record time; offsets are given anew. Rejects with `COPY_REFUSED`, before anything
   * is written, at one that this log can't keep as it is.
   */
  appendRaw(records: readonly RawRecord[]): Promise<void>

  /** As `read`, with the records as they lie there, for `appendRaw` of another log. */
  readRaw(options: ReadOptions): AsyncIterable<readonly RawRecord[]>

  /** Every partition, in order. */
  heads(): Promise<readonly PartitionBounds[]>

  /**
   * True while this process is the one that fills the named role, false while it stands by. One
   * process at a time; a dead holder is replaced. Unsubscribing resigns.
   */
  elect(role: string): Observable<boolean>

  /** Ends every stream and read of this store. A second call waits for the first. */
  close(): Promise<void>
}
