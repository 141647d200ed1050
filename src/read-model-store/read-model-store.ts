import type { UnixMs } from '../domain/time.ts'
import type { Key } from './key.ts'

/** A stored row: JSON values, no list directly in a list; its fields are what people query. */
export type Row = Readonly<Record<string, unknown>>

/**
 * What has gone into a state row: per partition the last offset applied, as text
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

/** A row to insert; a series row that is there already is the same row, which is no error. */
export type SeriesWrite = Readonly<{ key: Key; value: Row }>

/** A row to write only where the stored one still has the guard `expected` (null: is absent). */
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

/** One batch's effect. */
export type Commit = Readonly<{
  partition: number
  /** The checkpoint it was computed from (0 where there is none), and the one it makes. */
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

  /** In the order of the keys; undefined where there is no row. */
  read(keys: readonly Key[], signal?: AbortSignal): Promise<readonly (StoredRow<R> | undefined)[]>

  /**
   * Applies one batch, exactly once. Answers `moved`, having changed nothing that counts, where the
   * checkpoint is no longer `from` or a row no longer `expected`: the caller drops what it has cached
   * and starts again at the stored checkpoint.
   * A store without transactions does it in this order: compare the checkpoint; write each row by
   * compare-and-set; move the checkpoint by compare-and-set. What is written before a crash in
   * between, the guards and keys make harmless. Durable (majority, fsync) when it resolves.
   * A row that a rival has brought as far as this commit would, or further, may count as written.
   */
  commit(commit: Commit): Promise<'committed' | 'moved'>

  /** Rows in key order, or the reverse. */
  page(options: PageOptions): Promise<readonly StoredRow<R>[]>

  /** What a scan would find, for less. */
  count(signal?: AbortSignal): Promise<RowCount>

  /** Every row once, in key order, in chunks; rows written meanwhile may or may not be among them. */
  scan(options?: { signal?: AbortSignal }): AsyncIterable<readonly StoredRow<R>[]>

  /**
   * A text that is another after every commit that changed a row. Only of stores where asking costs
   * next to nothing beside a read, and a read never sees rows older than a revision given before it.
   */
  revision?(): string
}

/** Names the generation of a model that the API reads. */
export type Pointer = Readonly<{
  model: string
  active: string
  /** The one before, kept for a rollback until the next replay. */
  former: string | null
  promotedAt: UnixMs
  /** A version left by a rollback, which is not rebuilt by itself until somebody asks. */
  leftVersion: number | null
  /** The newest generation that was ever promoted; a rollback doesn't change it. */
  newest: string
}>

/** The right to do a thing alone. It is lost, not waited for, when it can't be renewed in time. */
export interface Lease {
  readonly name: string
  /** False once another holder may have it; then stop. */
  held(): Promise<boolean>
  release(): Promise<void>
}

/**
 * One event that one model leaves out, by an operator's word. It belongs to one log: `origin` is that
 * of its partition, so that it never applies to another log.
 */
export type Skip = Readonly<{
  model: string
  partition: number
  offset: number
  origin: string
  why: string
  at: UnixMs
}>

/** What a skip is kept under: a model leaves an event of a log out once. */
export const skipId = ({ model, partition, offset, origin }: Omit<Skip, 'why' | 'at'>): string =>
  `${model}:${partition}:${offset}:${origin}`

/** What a process says of itself for the API to show: see `status.ts`. */
export type StatusRow = Readonly<{ source: string; writtenAt: UnixMs; status: Row }>

/**
 * The catalogue of generations. It knows keys and rows, never projections or trades.
 * Every method rejects with a `TradelogError`: `READ_MODEL_STORE_UNAVAILABLE` may pass by itself,
 * `READ_MODEL_STORE_CLOSED` after `close()`, `GENERATION_DROPPED` where the generation is gone.
 */
export interface ReadModelStore {
  /** Every generation that exists, of one model or of all, oldest first. */
  generations(model?: string): Promise<readonly GenerationInfo[]>

  /** Makes an empty generation under a new id. */
  create(options: Pick<GenerationInfo, 'model' | 'version' | 'kind'>): Promise<Generation>

  /** Rejects with `GENERATION_DROPPED` where there is none of that id. */
  open(id: string): Promise<Generation>

  /** Removes a generation with its rows; nothing happens where it is gone already. */
  drop(id: string): Promise<void>

  pointer(model: string): Promise<Pointer | undefined>

  /** Sets the pointer only where its active generation still is `expected` (null: no pointer). */
  promote(pointer: Pointer, expected: string | null): Promise<boolean>

  /** Undefined where somebody else holds it. A holder that died or hung loses it after `ttlMs`. */
  lease(name: string, options: { ttlMs: number }): Promise<Lease | undefined>

  /** Who holds a lease now, as the holder named itself, for a refusal that says so. */
  leaseHolder(name: string): Promise<string | undefined>

  /** Of one model or of all, oldest first. */
  skips(model?: string): Promise<readonly Skip[]>

  /** Answers false, and keeps what is there, where that event is skipped already. */
  addSkip(skip: Skip): Promise<boolean>

  /** Takes one back; answers false where there is none of that model and event. */
  removeSkip(skip: Omit<Skip, 'why' | 'at'>): Promise<boolean>

  writeStatus(source: string, status: Row): Promise<void>

  /** Newest first. */
  statuses(): Promise<readonly StatusRow[]>

  /** A second call waits for the first. */
  close(): Promise<void>
}
