import { TradelogError } from '../../src/domain/errors.ts'
import { covers } from '../../src/read-model-store/guard.ts'
import type { Key } from '../../src/read-model-store/key.ts'
import type {
  Commit,
  Generation,
  GenerationInfo,
  PageOptions,
  PartitionCheckpoint,
  SeriesWrite,
  StateWrite,
  StoredRow,
} from '../../src/read-model-store/read-model-store.ts'

/** The stored generation, for all handles. Values are kept as JSON, as on a disk. */
export type Table = {
  readonly info: GenerationInfo
  readonly rows: Map<Key, Omit<StoredRow, 'value'> & { json: string }>
  readonly checkpoint: Map<number, PartitionCheckpoint>
  dropped: boolean
}

/** A store without skips. */
export const noSkips = { skips: async () => [] }

/**
 * Awaited before each single write of a commit, so that others may run in between; a rejection is
 * a crash at that point, with everything before it written.
 */
export type BeforeWrite = () => unknown

export const memoryTable = (info: GenerationInfo): Table => ({
  info,
  rows: new Map(),
  checkpoint: new Map(),
  dropped: false,
})

type Options = Readonly<{
  beforeWrite?: BeforeWrite
  /** Chooses the next row to write; then a row that has moved doesn't stop the others. */
  chooseWrite?: ((count: number) => number) | undefined
  closed?: () => boolean
}>

/** A generation without transactions, in the order of writes that the port demands. */
export function memoryGeneration(
  table: Table,
  { beforeWrite = () => {}, chooseWrite, closed = () => false }: Options = {},
): Generation {
  const check = (signal?: AbortSignal) => {
    if (closed()) throw new TradelogError('READ_MODEL_STORE_CLOSED', 'the store is closed')
    if (table.dropped) throw new TradelogError('GENERATION_DROPPED', `no ${table.info.id}`)
    signal?.throwIfAborted()
  }
  return {
    info: table.info,
    checkpoint: async () => {
      check()
      return new Map(table.checkpoint)
    },
    read: async (keys, signal) => {
      check(signal)
      return keys.map((key) => storedRow(table, key))
    },
    commit: async (commit) => {
      check()
      return write(table, commit, beforeWrite, chooseWrite)
    },
    page: async (options) => {
      check(options.signal)
      return page(table, options)
    },
    count: async (signal) => {
      check(signal)
      const rows = sortedRows(table)
      return { rows: rows.length, events: rows.reduce((sum, { count }) => sum + (count ?? 0), 0) }
    },
    scan: async function* ({ signal } = {}) {
      check(signal)
      const rows = sortedRows(table)
      if (rows.length > 0) yield rows
    },
  }
}

/** Every row in the order of the keys. */
export const sortedRows = (table: Table): readonly StoredRow[] =>
  [...table.rows.keys()].sort(byBytes).flatMap((key) => storedRow(table, key) ?? [])

function storedRow(table: Table, key: Key): StoredRow | undefined {
  const row = table.rows.get(key)
  if (row === undefined) return undefined
  return { key, value: JSON.parse(row.json), guard: row.guard, count: row.count }
}

async function write(
  table: Table,
  { partition, from, to, applied, origin, rows }: Commit,
  beforeWrite: BeforeWrite,
  chooseWrite: Options['chooseWrite'],
): Promise<'committed' | 'moved'> {
  const isAtFrom = () => (table.checkpoint.get(partition)?.next ?? 0) === from
  if (!isAtFrom()) return 'moved'
  const left = [...rows.writes]
  let isMoved = false
  while (left.length > 0) {
    await beforeWrite()
    for (const one of left.splice(chooseWrite?.(left.length) ?? 0, 1)) {
      if (!writeRow(table, one)) isMoved = true
    }
    if (isMoved && chooseWrite === undefined) break
  }
  if (isMoved) return 'moved'
  await beforeWrite()
  if (!isAtFrom()) return 'moved'
  table.checkpoint.set(partition, { next: to, applied, origin })
  return 'committed'
}

/**
 * By compare-and-set; the row of a series is inserted if it is absent. A row that another process
 * has written as far, or further, counts as written.
 */
function writeRow({ rows }: Table, one: SeriesWrite | StateWrite): boolean {
  const { key, value } = one
  const json = JSON.stringify(value)
  const { guard: stored = null, count } = rows.get(key) ?? {}
  if (!('expected' in one)) {
    if (!rows.has(key)) rows.set(key, { key, json, guard: null, count: null })
    return true
  }
  if (stored !== one.expected) {
    return stored === one.guard ? count === one.count : covers(stored, one.guard)
  }
  rows.set(key, { key, json, guard: one.guard, count: one.count })
  return true
}

function page(table: Table, { from, to, limit, reverse }: PageOptions): readonly StoredRow[] {
  const rows = sortedRows(table).filter(
    ({ key }) => byBytes(from, key) <= 0 && byBytes(key, to) < 0,
  )
  return (reverse ? rows.toReversed() : rows).slice(0, limit)
}

const byBytes = (a: Key, b: Key): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
