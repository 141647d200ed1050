import { randomUUID } from 'node:crypto'
import type { Database } from 'lmdb'
import { TradelogError } from '../domain/errors.ts'
import type { LogRecord } from '../domain/recorded-event.ts'
import type { UnixMs } from '../domain/trade-executed.ts'
import { type LeaseRow, openLmdb } from '../runtime/lmdb.ts'
import {
  createBlockCache,
  damagedLog,
  decodeBlock,
  encodeBlock,
  type NewBlock,
} from './embedded-block.ts'
import type { PartitionBounds, Slice } from './event-store.ts'

/** Any JSON value for a partition. */
export type NewRecord = Readonly<{ partition: number; value: unknown }>

/** Records made ready to be written; `written` says where the first attempt put them. */
export type PreparedAppend = { readonly blocks: readonly NewBlock[]; written?: BlockKey }

/** This log knows its identity from the start. */
export type NamedBounds = PartitionBounds & Readonly<{ origin: string }>

type BlockKey = [partition: number, firstOffset: number]

export type LogOptions = Readonly<{ directory: string; partitions: number }>

/**
 * The log in one LMDB environment. Records lie in blocks, one entry per partition and append: that
 * costs a put and, when read, a parse per block instead of one per event. A block's key is its
 * partition and first offset. The heads are a row of their own, written in the same transaction.
 * Every read sees the newest commit of any process and holds nothing open afterwards.
 */
export type EmbeddedLog = Readonly<{
  partitions: number
  leases: Database<LeaseRow, string>
  /** The next offset to be written, by partition. */
  heads: () => readonly number[]
  bounds: () => readonly NamedBounds[]
  /** Up to so many records of a partition, from an offset on, ending before `to`, which is at most the head. */
  slice: (place: { partition: number; from: number; to: number; eventsMax: number }) => Slice
  prepare: (records: readonly NewRecord[], recordedAt: UnixMs) => PreparedAppend
  /** All or nothing, on disk when it resolves. `check` runs inside the transaction and may throw. */
  append: (prepared: PreparedAppend, check?: () => void) => Promise<void>
  close: () => Promise<void>
}>

const format = 1
/** What reading a single event may have to parse. */
const blockEventsMax = 1_000
/** About 10 MB of decoded trades. */
const cachedEventsMax = 20_000

export const openEmbeddedLog = (options: LogOptions): EmbeddedLog => {
  const { root, meta, id } = available(() => openEnvironment(options))
  const { partitions } = options
  const blocks: Database<string, BlockKey> = root.openDB('blocks', { encoding: 'string' })
  const heads = (): number[] => {
    root.resetReadTxn()
    return meta.get('heads') ?? []
  }
  return {
    partitions,
    leases: root.openDB('leases', {}),
    heads: () => available(heads),
    bounds: () => available(heads).map((head, partition) => boundsOf(id, partition, head)),
    slice: sliceReader(blocks),
    prepare,
    append: async (prepared, check = () => {}) => {
      const write = () => {
        check()
        writeBlocks(prepared, heads(), { blocks, meta })
      }
      try {
        // A child transaction, because lmdb commits what a plain one has put before it throws.
        await root.childTransaction(write)
        await root.flushed
      } catch (error) {
        throw await asTradelogError(error)
      }
    },
    close: async () => {
      await root.flushed
      await root.close()
    },
  }
}

type Meta = { id: string; format: number; partitions: number }
type MetaDatabase = Readonly<{
  get: (key: 'heads') => number[] | undefined
  putSync: (key: 'heads', heads: readonly number[]) => void
}>

const openEnvironment = ({ directory, partitions }: LogOptions) => {
  const root = openLmdb(directory)
  const meta: Database = root.openDB('meta', {})
  const found: Meta = root.transactionSync(() => {
    const existing = meta.get('log')
    if (existing !== undefined) return existing
    const created = { id: randomUUID(), format, partitions }
    meta.putSync('log', created)
    meta.putSync('heads', Array(partitions).fill(0))
    return created
  })
  try {
    checkMeta(found, { directory, partitions })
  } catch (error) {
    void root.close()
    throw error
  }
  return { root, meta: meta as MetaDatabase, id: found.id }
}

const checkMeta = (found: Meta, { directory, partitions }: LogOptions): void => {
  const refuse = (message: string) => {
    throw new TradelogError('EVENT_STORE_REFUSED', `the log in ${directory} ${message}`, {
      fields: { directory, ...found },
    })
  }
  if (found.format !== format) {
    refuse(
      `has format ${found.format}, this program reads ${format}: run the program that wrote it`,
    )
  }
  if (found.partitions !== partitions) {
    refuse(
      `has ${found.partitions} partitions, the settings say ${partitions}: set partitions to ` +
        `${found.partitions}, or name another data_directory; a log keeps its count for ever`,
    )
  }
}

const boundsOf = (id: string, partition: number, head: number): NamedBounds => ({
  partition,
  start: 0,
  head,
  origin: `embedded:${id}:${partition}`,
})

const sliceReader = (blocks: Database<string, BlockKey>): EmbeddedLog['slice'] => {
  const cached = createBlockCache(cachedEventsMax)
  const firstOffset = (partition: number, offset: number): number => {
    const newestFirst = {
      start: [partition, offset],
      end: [partition, -1],
      reverse: true,
      limit: 1,
    }
    for (const [, first] of blocks.getKeys(newestFirst)) return first
    throw damagedLog(partition, offset)
  }
  const read = (key: BlockKey) => cached(...key, () => decodeBlock(...key, blocks.get(key)))

  return ({ partition, from, to: end, eventsMax }) =>
    available(() => {
      const to = Math.min(end, from + eventsMax)
      const events: LogRecord[] = []
      const start = [partition, firstOffset(partition, from)]
      for (const key of blocks.getKeys({ start, end: [partition, to] })) {
        const next = from + events.length
        const records = read(key).slice(next - key[1], to - key[1])
        if (records[0]?.offset !== next) throw damagedLog(partition, next)
        for (const record of records) events.push(record)
      }
      return { partition, from, to: from + events.length, events }
    })
}

const prepare = (records: readonly NewRecord[], recordedAt: UnixMs): PreparedAppend => {
  const values = new Map<number, unknown[]>()
  for (const { partition, value } of records) {
    const of = values.get(partition)
    if (of === undefined) values.set(partition, [value])
    else of.push(value)
  }
  const append = randomUUID()
  const blocks: NewBlock[] = []
  for (const [partition, all] of values) {
    for (let at = 0; at < all.length; at += blockEventsMax) {
      const some = all.slice(at, at + blockEventsMax)
      blocks.push(encodeBlock(partition, some, { append, recordedAt }))
    }
  }
  return { blocks }
}

/**
 * A repeated append finds its first block where the first attempt put it, if that was committed
 * after all. It writes the heads again in any case: only a commit brings earlier ones to disk.
 */
const writeBlocks = (
  prepared: PreparedAppend,
  heads: number[],
  { blocks, meta }: { blocks: Database<string, BlockKey>; meta: MetaDatabase },
): void => {
  const { written } = prepared
  const done = written !== undefined && blocks.get(written) === prepared.blocks[0]?.text
  if (!done) {
    delete prepared.written
    for (const { partition, count, text } of prepared.blocks) {
      const head = heads[partition] ?? 0
      prepared.written ??= [partition, head]
      blocks.putSync([partition, head], text)
      heads[partition] = head + count
    }
  }
  meta.putSync('heads', heads)
}

const available = <T>(action: () => T): T => {
  try {
    return action()
  } catch (error) {
    throw error instanceof TradelogError ? error : unavailable(error)
  }
}

/** A failed commit keeps its reason in a promise of its own. */
const asTradelogError = async (error: unknown): Promise<TradelogError> => {
  if (error instanceof TradelogError) return error
  const { commitError } = error as { commitError?: Promise<unknown> }
  return unavailable(await Promise.resolve(commitError ?? error).catch((reason) => reason))
}

/** ENOSPC, EDQUOT, EFBIG, and MDB_MAP_FULL. */
const fullCodes: readonly unknown[] = [28, 122, 27, -30792, 'ENOSPC', 'EDQUOT', 'EFBIG']

const unavailable = (cause: unknown): TradelogError => {
  const full = fullCodes.includes((cause as { code?: unknown }).code)
  return full
    ? new TradelogError('EVENT_STORE_FULL', 'there is no space left for the log', { cause })
    : new TradelogError('EVENT_STORE_UNAVAILABLE', 'the log cannot be read or written', { cause })
}
