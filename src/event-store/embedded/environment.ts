import { randomUUID } from 'node:crypto'
import type { Database, RootDatabase } from 'lmdb'
import { TradelogError } from '../../domain/errors.ts'
import { isDiskFull, openLmdb, transact } from '../../runtime/lmdb.ts'
import type { LeaseTable } from '../../runtime/lmdb-lease.ts'

export type LogOptions = Readonly<{ directory: string; partitions: number }>

/** Sorted by partition, then by the block's first offset. */
export type BlockKey = [partition: number, firstOffset: number]

/** The LMDB environment of a log. */
export type LogEnvironment = Readonly<{
  root: RootDatabase
  /** Identifies this log for ever. */
  id: string
  blocks: Database<string, BlockKey>
  /** Under one key: the next offset to be written, by partition. */
  heads: Database<readonly number[], string>
  leases: LeaseTable
  /** Turns an error of LMDB into a `TradelogError`. */
  failure: (cause: unknown) => TradelogError
}>

type LogRow = Readonly<{ id: string; format: number; partitions: number }>

export const headsKey = 'heads'
const format = 1

export async function openEnvironment(options: LogOptions): Promise<LogEnvironment> {
  const failure = failureIn(options.directory)
  let root: RootDatabase | undefined
  try {
    root = openLmdb(options.directory)
    const { id } = await openRow(root, options)
    return {
      root,
      id,
      blocks: root.openDB('blocks', { encoding: 'string' }),
      heads: root.openDB('meta', {}),
      leases: root.openDB('leases', {}),
      failure,
    }
  } catch (error) {
    await root?.close()
    throw failure(error)
  }
}

/** The log's own row; a new log gets one. */
async function openRow(root: RootDatabase, { directory, partitions }: LogOptions): Promise<LogRow> {
  const meta: Database = root.openDB('meta', {})
  const row: LogRow = await transact(root, () => {
    const existing: LogRow | undefined = meta.get('log')
    if (existing !== undefined) return existing
    const created = { id: randomUUID(), format, partitions }
    meta.putSync('log', created)
    meta.putSync(headsKey, Array(partitions).fill(0))
    return created
  })
  const fields = { directory, ...row }
  if (row.format !== format) {
    throw new TradelogError(
      'EVENT_STORE_REFUSED',
      `the log in ${directory} has format ${row.format}, this program reads ${format}: ` +
        'run the program that wrote it',
      { fields },
    )
  }
  if (row.partitions !== partitions) {
    throw new TradelogError(
      'EVENT_STORE_REFUSED',
      `the log in ${directory} has ${row.partitions} partitions, the settings say ${partitions}; ` +
        `a log keeps its count for ever: set partitions to ${row.partitions}, or name another data_directory`,
      { fields },
    )
  }
  return row
}

const failureIn =
  (directory: string) =>
  (cause: unknown): TradelogError => {
    if (cause instanceof TradelogError) return cause
    if (isDiskFull(directory, cause)) {
      const text = `no space is left for the log in ${directory}: make room on its disk`
      return new TradelogError('EVENT_STORE_FULL', text, { cause })
    }
    const why = cause instanceof Error ? cause.message : String(cause)
    const text = `the log in ${directory} failed: ${why}`
    return new TradelogError('EVENT_STORE_UNAVAILABLE', text, { cause })
  }
