import { open } from 'lmdb'
import { partitionOf } from '../src/domain/partition.ts'
import type { TradeExecuted } from '../src/domain/trade-executed.ts'
import { partitions } from './trades.ts'

type RawKey = [partition: number, offset: number]

/** The plainest log on LMDB, following its readme: an entry of JSON per event. */
export function openRawLog(directory: string) {
  const database = open<TradeExecuted, RawKey>({
    path: directory,
    noSubdir: false,
    encoding: 'json',
  })
  const heads = Array.from({ length: partitions }, () => 0)
  return {
    /** Durable when it resolves. */
    append: (events: readonly TradeExecuted[]): Promise<void> =>
      database.transaction(() => {
        for (const event of events) {
          const partition = partitionOf(event.symbol, partitions)
          const offset = heads[partition] ?? 0
          heads[partition] = offset + 1
          void database.put([partition, offset], event)
        }
      }),
    /** Each entry read and parsed. */
    read: (partition: number): Iterable<{ key: RawKey; value: TradeExecuted }> =>
      database.getRange({ start: [partition, 0], end: [partition + 1, 0], snapshot: false }),
    close: () => database.close(),
  }
}

type RowKey = [symbol: string, executedAt: number, partition: number, offset: number]
type RawRow = Omit<TradeExecuted, 'type' | 'version'>

/** The rows of `trades`, packed as small as lmdb can. */
export function openRawRows(directory: string) {
  const root = open({ path: directory, noSubdir: false })
  const rows = root.openDB<RawRow, RowKey>({
    name: 'rows',
    encoding: 'msgpack',
    sharedStructuresKey: Symbol.for('structures'),
  })
  return {
    put: (events: readonly { key: RawKey; value: TradeExecuted }[]): Promise<void> =>
      rows.transaction(() => {
        for (const { key, value } of events) {
          const { symbol, executedAt, price, volume, conditions, source } = value
          const row = { symbol, executedAt, price, volume, conditions, source }
          void rows.put([symbol, executedAt, ...key], row)
        }
      }),
    /** The newest rows of a symbol before a time. */
    page: (symbol: string, before: number, limit: number): RawRow[] =>
      [
        ...rows.getRange({
          start: [symbol, before, 0, 0],
          end: [symbol, 0, 0, 0],
          reverse: true,
          limit,
        }),
      ].map(({ value }) => value),
    close: () => root.close(),
  }
}
