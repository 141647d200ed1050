import { randomUUID } from 'node:crypto'
import { TradelogError } from '../../domain/errors.ts'
import type { LogRecord, RawRecord } from '../../domain/recorded-event.ts'
import type { UnixMs } from '../../domain/time.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import { transact } from '../../runtime/lmdb.ts'
import type { LeaseTable } from '../../runtime/lmdb-lease.ts'
import type { PartitionBounds, Slice } from '../event-store.ts'
import {
  createBlockCache,
  damagedLog,
  decodeBlock,
  decodeRawBlock,
  encodeBlock,
  type NewBlock,
} from './block.ts'
import {
  type BlockKey,
  headsKey,
  type LogEnvironment,
  type LogOptions,
  openEnvironment,
} from './environment.ts'

/** Any JSON value for a partition, and its record time if that is not now. */
export type NewRecord = Readonly<{ partition: number; value: unknown; recordedAt?: UnixMs }>

/** Records ready to be written; `written` is the key of the first block that was put. */
export type PreparedAppend = { readonly blocks: readonly NewBlock[]; written?: BlockKey }

/** This log knows its identity from the start, so an origin is never null. */
export type NamedBounds = PartitionBounds & Readonly<{ origin: string }>

/** At most `eventsMax` records of a partition, before `to`, which is at most the head. */
export type SliceRange = Readonly<{
  partition: number
  from: number
  to: number
  eventsMax: number
}>

/**
 * The log in one LMDB environment. A block of records is one entry per partition and append: that
 * costs a put and, when read, a parse per block instead of one per event. The heads are a row of
 * their own, written in the same transaction. Every read sees the newest commit of any process and
 * keeps no transaction open. Errors are `TradelogError`s.
 */
export type EmbeddedLog = Readonly<{
  partitions: number
  leases: LeaseTable
  /** The next offset to be written, by partition. */
  heads: () => readonly number[]
  bounds: () => readonly NamedBounds[]
  slice: (range: SliceRange) => Slice
  /** The same for one long read: it doesn't fill the shared cache. */
  sliceOnce: () => (range: SliceRange) => Slice
  raw: (range: SliceRange) => readonly RawRecord[]
  prepare: (records: readonly NewRecord[], recordedAt: UnixMs) => PreparedAppend
  /** All or nothing, on disk when it resolves. `check` runs in the transaction and may throw. */
  append: (prepared: PreparedAppend, check?: () => void) => Promise<void>
  /** Makes `close` wait for this work. */
  track: <T>(work: Promise<T>) => Promise<T>
  close: () => Promise<void>
}>

/** Bounds what must be parsed to read one event. */
const blockEventsMax = 1_000
/** About 10 MB of decoded trades. */
const cachedEventsMax = 20_000

export async function openEmbeddedLog(options: LogOptions): Promise<EmbeddedLog> {
  const environment = await openEnvironment(options)
  const { root, id, leases, failure } = environment
  const slice = sliceReader(environment, cachedEventsMax)
  const raw = recordReader<RawRecord>(environment, (key, text) => decodeRawBlock(...key, text()))
  const heads = (): readonly number[] => {
    root.resetReadTxn()
    return environment.heads.get(headsKey) ?? []
  }
  const pending = new Set<Promise<unknown>>()
  let open = true
  const track = <T>(work: Promise<T>): Promise<T> => {
    const done = work.finally(() => pending.delete(done))
    pending.add(done)
    return done
  }
  const guarded =
    <A extends readonly unknown[], T>(read: (...args: A) => T) =>
    (...args: A): T => {
      // When closed, lmdb throws a second time, from a timer, where nothing can catch it.
      if (!open) throw storeClosed()
      try {
        return read(...args)
      } catch (error) {
        throw failure(error)
      }
    }
  return {
    partitions: options.partitions,
    leases,
    heads: guarded(heads),
    bounds: guarded(() => heads().map((head, partition) => boundsOf(id, partition, head))),
    slice: guarded(slice),
    sliceOnce: () => guarded(sliceReader(environment, blockEventsMax)),
    raw: guarded(raw),
    prepare,
    append: async (prepared, check = () => {}) => {
      const write = () => {
        check()
        writeBlocks(environment, prepared)
      }
      await track(transact(root, write)).catch((error) => {
        throw failure(error)
      })
    },
    track,
    close: async () => {
      while (pending.size > 0) await Promise.allSettled(pending)
      open = false
      await root.close()
    },
  }
}

export const storeClosed = () =>
  new TradelogError('EVENT_STORE_CLOSED', 'the event store is closed')

const boundsOf = (id: string, partition: number, head: number): NamedBounds => ({
  partition,
  start: 0,
  head,
  origin: `embedded:${id}:${partition}`,
})

function sliceReader(environment: LogEnvironment, keptEventsMax: number) {
  const cached = createBlockCache(keptEventsMax)
  const records = recordReader<LogRecord>(environment, (key, text) =>
    cached(...key, () => decodeBlock(...key, text())),
  )
  return (range: SliceRange): Slice => {
    const { partition, from } = range
    const events = records(range)
    return { partition, from, to: from + events.length, events }
  }
}

/** Reads the records of a range. `decode` gives those of a block; it may not need the text. */
function recordReader<T extends Readonly<{ offset: number }>>(
  { blocks }: LogEnvironment,
  decode: (key: BlockKey, text: () => string | undefined) => readonly T[],
) {
  /** An offset may be inside a block. */
  const firstOffset = (partition: number, offset: number): number => {
    const backwards = { start: [partition, offset], end: [partition, -1], reverse: true, limit: 1 }
    for (const [, first] of blocks.getKeys(backwards)) return first
    throw damagedLog(partition, offset)
  }
  return ({ partition, from, to: end, eventsMax }: SliceRange): T[] => {
    const to = Math.min(end, from + eventsMax)
    const found: T[] = []
    const start = [partition, firstOffset(partition, from)]
    for (const key of blocks.getKeys({ start, end: [partition, to] })) {
      const next = from + found.length
      const records = decode(key, () => blocks.get(key)).slice(next - key[1], to - key[1])
      if (records[0]?.offset !== next) throw damagedLog(partition, next)
      for (const record of records) found.push(record)
    }
    if (from + found.length !== to) throw damagedLog(partition, from + found.length)
    return found
  }
}

/** A block has one record time, so records of different times go into different blocks. */
function prepare(records: readonly NewRecord[], recordedAt: UnixMs): PreparedAppend {
  const append = randomUUID()
  const blocks: NewBlock[] = []
  const open = new Map<number, { values: unknown[]; at: UnixMs }>()
  const close = (partition: number, { values, at }: { values: unknown[]; at: UnixMs }) =>
    void blocks.push(encodeBlock(partition, values, { append, recordedAt: at }))
  for (const { partition, value, recordedAt: at = recordedAt } of records) {
    const block = open.get(partition)
    if (block !== undefined && block.at === at && block.values.length < blockEventsMax) {
      block.values.push(value)
      continue
    }
    if (block !== undefined) close(partition, block)
    open.set(partition, { values: [value], at })
  }
  for (const [partition, block] of open) close(partition, block)
  return { blocks }
}

/** A retry finds its first block where the first attempt put it, if that was committed. */
function writeBlocks({ blocks, heads: headsRow }: LogEnvironment, prepared: PreparedAppend): void {
  const { written } = prepared
  if (written !== undefined && blocks.get(written) === prepared.blocks[0]?.text) return
  delete prepared.written
  const heads = [...(headsRow.get(headsKey) ?? [])]
  for (const { partition, count, text } of prepared.blocks) {
    const head = heads[partition] ?? 0
    prepared.written ??= [partition, head]
    blocks.putSync([partition, head], text)
    crashPoint('append:block-put')
    heads[partition] = head + count
  }
  headsRow.putSync(headsKey, heads)
  crashPoint('append:heads-put')
}
