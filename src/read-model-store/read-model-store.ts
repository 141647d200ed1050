import type { UnixMs } from '../domain/time.ts'
import type { Key } from './key.ts'

/** A stored row: JSON values, no list directly in a list. People query its fields. */
export type Row = Readonly<Record<string, unknown>>

/**
 * What a state row has taken in: per partition the last offset applied, as one text
 * (`"0:1041,3:7"`, partitions rising), so that stores compare it as a whole.
 */
export type Guard = string

/** `guard` and `count` (events folded into the row) are null on rows of series models. */
export type StoredRow<R extends Row = Row> = Readonly<{
  key: Key
  value: R
  guard: Guard | null
  count: number | null
}>

/** A row to insert. A series row that exists already is the same row: that is no error. */
export type SeriesWrite = Readonly<{ key: Key; value: Row }>

/** A row to write only if the stored one still has the guard `expected` (null: is absent). */
export type StateWrite = Readonly<{
  key: Key
  value: Row
  guard: Guard
  count: number
  expected: Guard | null
}>

/** How far one partition has been applied to a generation. */
export type PartitionCheckpoint = Readonly<{
  /** The next offset to apply. */
  next: number
  /** Events applied so far (events that the projection doesn't name are not counted). */
  applied: number
  /** The log it belongs to: see `PartitionBounds.origin`. */
  origin: string
}>

/** How many rows there are, and how many events all state rows together have taken in. */
export type RowCount = Readonly<{ rows: number; events: number }>

/** By partition; a partition without an entry starts at offset zero. */
export type Checkpoint = ReadonlyMap<number, PartitionCheckpoint>

/** The effect of one batch. */
export type Commit = Readonly<{
  partition: number
  /** The checkpoint it was computed from (0 without a checkpoint), and the one that it sets. */
  from: number
  to: number
  /** The new total of events applied in this partition. */
  applied: number
  origin: string
  rows:
    | Readonly<{ kind: 'series'; writes: readonly SeriesWrite[] }>
    | Readonly<{ kind: 'state'; writes: readonly StateWrite[] }>
}>

export type PageOptions = Readonly<{
  /** Half-open range: `from` ≤ key < `to`. */
  from: Key
  to: Key
  limit: number
  /** Newest (largest key) first. */
  reverse: boolean
  signal?: AbortSignal
}>

/** One build of a read model. */
export type GenerationInfo = Readonly<{
  /** Time-ordered, never used twice, fit for a file name: `candles-20261124t101500123-4f9a2c`. */
  id: string
  model: string
  /** The projection's version that builds it. */
  version: number
  kind: RowKind
  createdAt: UnixMs
}>

export type RowKind = Commit['rows']['kind']

/** The rows and checkpoint of one generation. */
export interface Generation<R extends Row = Row> {
  readonly info: GenerationInfo

  checkpoint(): Promise<Checkpoint>

  /** In the order of the keys; undefined for a key without a row. */
  read(keys: readonly Key[], signal?: AbortSignal): Promise<readonly (StoredRow<R> | undefined)[]>

  /**
   * Applies one batch, exactly once. Answers `moved` if the checkpoint is no longer `from` or a row
   * no longer `expected`. Then nothing that counts has changed: the caller drops its cached rows
   * and starts again at the stored checkpoint. A store without transactions does it in this order:
   * compare the checkpoint; write each row by compare-and-set; move the checkpoint by
   * compare-and-set. Guards and keys make rows harmless that were written before a crash in
   * between. Durable (majority, fsync) when it resolves. A row that a rival has brought as far as
   * this commit would, or further, may count as written.
   */
  commit(commit: Commit): Promise<'committed' | 'moved'>

  /** Rows in key order, or the reverse. */
  page(options: PageOptions): Promise<readonly StoredRow<R>[]>

  /** Counts what a scan would find, at a lower cost. */
  count(signal?: AbortSignal): Promise<RowCount>

  /** Every row once, in key order, in chunks; rows written meanwhile may be missing. */
  scan(options?: { signal?: AbortSignal }): AsyncIterable<readonly StoredRow<R>[]>

  /**
   * A text that changes with every commit that changes a row. Only for stores in which it costs
   * nearly nothing beside a read, and no read sees rows older than a revision returned before it.
   */
  revision?(): string
}

/** Names the generation of a model that the API reads. */
export type Pointer = Readonly<{
  model: string
  active: string
  /** The previous generation, kept for a rollback until the next replay. */
  former: string | null
  promotedAt: UnixMs
  /** The version that a rollback abandoned: it is rebuilt only when an operator asks for it. */
  leftVersion: number | null
  /** The newest generation that was ever promoted; a rollback doesn't change it. */
  newest: string
}>

/** The right to do a thing alone. A holder that can't renew it in time loses it. */
export interface Lease {
  readonly name: string
  /** False once another holder may have it: then the caller must stop. */
  held(): Promise<boolean>
  release(): Promise<void>
}

/**
 * One event that one model skips, because an operator said so. `origin` is that of its partition,
 * so that it never applies to another log.
 */
export type Skip = Readonly<{
  model: string
  partition: number
  offset: number
  origin: string
  why: string
  at: UnixMs
}>

/** The id of a skip: a model skips an event of a log once. */
export const skipId = ({ model, partition, offset, origin }: Omit<Skip, 'why' | 'at'>): string =>
  `${model}:${partition}:${offset}:${origin}`

/** What a process reports about itself, for the API to show: see `status.ts`. */
export type StatusRow = Readonly<{ source: string; writtenAt: UnixMs; status: Row }>

/**
 * The catalogue of generations. It knows keys and rows, never projections or trades. Every method
 * rejects with a `TradelogError`: `READ_MODEL_STORE_UNAVAILABLE` if a retry may succeed,
 * `READ_MODEL_STORE_CLOSED` after `close()`, `GENERATION_DROPPED` if the generation is gone.
 */
export interface ReadModelStore {
  /** Every generation that exists, of one model or of all, oldest first. */
  generations(model?: string): Promise<readonly GenerationInfo[]>

  /** Makes an empty generation under a new id. */
  create(options: Pick<GenerationInfo, 'model' | 'version' | 'kind'>): Promise<Generation>

  /** Rejects with `GENERATION_DROPPED` if no generation has that id. */
  open(id: string): Promise<Generation>

  /** Removes a generation with its rows; does nothing if it is gone already. */
  drop(id: string): Promise<void>

  pointer(model: string): Promise<Pointer | undefined>

  /** Sets the pointer only if its active generation is still `expected` (null: no pointer). */
  promote(pointer: Pointer, expected: string | null): Promise<boolean>

  /** Undefined if another holder has it. A holder that died or hung loses it after `ttlMs`. */
  lease(name: string, options: { ttlMs: number }): Promise<Lease | undefined>

  /** Names the holder of a lease, for the message of a refusal. */
  leaseHolder(name: string): Promise<string | undefined>

  /** Of one model or of all, oldest first. */
  skips(model?: string): Promise<readonly Skip[]>

  /** Answers false, and keeps the stored skip, if that event is skipped already. */
  addSkip(skip: Skip): Promise<boolean>

  /** Answers false if that model doesn't skip that event. */
  removeSkip(skip: Omit<Skip, 'why' | 'at'>): Promise<boolean>

  writeStatus(source: string, status: Row): Promise<void>

  /** Newest first. */
  statuses(): Promise<readonly StatusRow[]>

  /** A second call waits for the first. */
  close(): Promise<void>
}
