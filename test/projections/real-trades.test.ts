import { createHash } from 'node:crypto'
import * as assert from 'uvu/assert'
import { add, compare, formatDecimal, parseDecimal, zero } from '../../src/domain/decimal.ts'
import { partitionOf } from '../../src/domain/partition.ts'
import type { RecordedEvent } from '../../src/domain/recorded-event.ts'
import type { TradeExecuted } from '../../src/domain/trade-executed.ts'
import type { Projection } from '../../src/projections/projection.ts'
import { type CandleRow, candles } from '../../src/projections/read-models/candles.ts'
import { symbols } from '../../src/projections/read-models/symbols.ts'
import { trades } from '../../src/projections/read-models/trades.ts'
import { vwap } from '../../src/projections/read-models/vwap.ts'
import { createWriter } from '../../src/projections/writer.ts'
import type { Row } from '../../src/read-model-store/read-model-store.ts'
import { memoryGeneration, memoryTable } from '../support/memory-generation.ts'
import { naiveRows } from '../support/naive-rows.ts'
import {
  type ExpectedSymbol,
  expectedSets,
  realTrades,
  testDataFolder,
} from '../support/real-trades.ts'
import { suite } from '../support/suite.ts'

const test = suite('read models of recorded trades')
const timeoutMs = 120_000
const partitions = 6
const batchEvents = 1_000

const recordedByPartition = (all: readonly TradeExecuted[]): readonly RecordedEvent[][] => {
  const logs: RecordedEvent[][] = Array.from({ length: partitions }, () => [])
  for (const event of all) {
    const partition = partitionOf(event.symbol, partitions)
    const log = logs[partition]
    log?.push({ partition, offset: log.length, recordedAt: 0, event })
  }
  return logs
}

/** The stored rows of a model, in the order of the keys, by the fold that projectors use. */
const projectedRows = async (
  projection: Projection,
  logs: readonly (readonly RecordedEvent[])[],
): Promise<readonly Row[]> => {
  const { name: model, version } = projection
  const table = memoryTable({ id: model, model, version, createdAt: 0 })
  const writer = createWriter(projection, memoryGeneration(table))
  await writer.restart()
  for (const [partition, log] of logs.entries()) {
    for (let from = 0; from < log.length; from += batchEvents) {
      const events = log.slice(from, from + batchEvents)
      await writer.apply({ partition, from, to: from + events.length, events, origin: 'log' })
    }
  }
  const keys = [...table.rows.keys()].sort()
  return keys.map((key) => JSON.parse(table.rows.get(key)?.json ?? ''))
}

const ofSymbol = <T>(rows: readonly Row[], symbol: string) =>
  rows.filter((row) => row.symbol === symbol) as readonly T[]

const digest = (lines: readonly string[]): string =>
  createHash('sha256')
    .update(lines.map((line) => `${line}\n`).join(''))
    .digest('hex')

const candleLine = (row: CandleRow): string =>
  [row.symbol, row.start, row.open, row.high, row.low, row.close, row.volume, row.tradeCount].join(
    ',',
  )

const tradeLine = (row: Row): string => {
  const { executedAt, price, volume, conditions } = row as TradeExecuted
  const canonical = [price, volume].map((text) => formatDecimal(parseDecimal(text)))
  return [executedAt, ...canonical, conditions.join(';')].join(',')
}

const total = (texts: readonly string[]): string =>
  formatDecimal(texts.map(parseDecimal).reduce(add, zero))

const assertCandles = (rows: readonly CandleRow[], expected: ExpectedSymbol) => {
  const minutes = rows.filter(({ interval }) => interval === '1m')
  assert.is(minutes.length, expected.candles_1m)
  assert.is(digest(minutes.map(candleLine)), expected.candles_1m_sha256)
  for (const interval of ['1m', '1h', '1d']) {
    const each = rows.filter((row) => row.interval === interval)
    assert.is(total(each.map(({ volume }) => volume)), expected.volume_sum)
    assert.is(total(each.map(({ notional }) => notional)), expected.notional_sum)
    assert.is(sortedPrices(each.map(({ high }) => high)).at(-1), expected.max_price)
    assert.is(sortedPrices(each.map(({ low }) => low))[0], expected.min_price)
    assert.is(each[0]?.open, expected.first_price)
    assert.is(each.at(-1)?.close, expected.last_price)
  }
}

const sortedPrices = (texts: readonly string[]) =>
  texts.map(parseDecimal).sort(compare).map(formatDecimal)

const define = (folder: string) => {
  for (const [file, expected] of Object.entries(expectedSets(folder))) {
    test(
      `${file}: counts, sums, candles and trades are those of the reference`,
      async () => {
        const logs = recordedByPartition(realTrades(folder, file))
        const tradeRows = await projectedRows(trades, logs)
        const symbolRows = await projectedRows(symbols, logs)
        const candleRows = await projectedRows(candles, logs)
        assert.is(tradeRows.length, expected.rows)
        assert.is(symbolRows.length, Object.keys(expected.per_symbol).length)
        for (const [symbol, of] of Object.entries(expected.per_symbol)) {
          const counted = { symbol, tradeCount: of.trade_count, lastTradeAt: of.last_trade_at }
          assert.equal(ofSymbol(symbolRows, symbol), [counted])
          assert.is(digest(ofSymbol<Row>(tradeRows, symbol).map(tradeLine)), of.trades_sha256)
          assertCandles(ofSymbol(candleRows, symbol), of)
        }
      },
      { timeoutMs },
    )

    test(
      `${file}: the rows of state are those of the naive folds`,
      async () => {
        const logs = recordedByPartition(realTrades(folder, file))
        for (const projection of [symbols, candles, vwap]) {
          const naive = naiveRows(projection.name, logs.flat()).map(([, row]) => row)
          assert.equal(await projectedRows(projection, logs), naive)
        }
      },
      { timeoutMs },
    )
  }
}

if (testDataFolder === undefined) {
  test.skip('equal the reference', 'TRADELOG_TEST_DATA names no folder of recorded trades')
} else {
  define(testDataFolder)
}

test.run()
