import { createHash } from 'node:crypto'
import * as assert from 'uvu/assert'
import { add, compare, formatDecimal, parseDecimal, zero } from '../../src/domain/decimal.ts'
import type { TradeExecuted } from '../../src/domain/trade-executed.ts'
import type { CandleRow } from '../../src/projections/read-models/candles.ts'
import type { Row } from '../../src/read-model-store/read-model-store.ts'
import type { ExpectedSet, ExpectedSymbol } from './real-trades.ts'

/** Compares the rows of each model, in the order of their keys, with those of the reference. */
export function assertSetRows(
  rows: Readonly<Record<'trades' | 'symbols' | 'candles', readonly Row[]>>,
  expected: ExpectedSet,
): void {
  assert.is(rows.trades.length, expected.rows)
  assert.is(rows.symbols.length, Object.keys(expected.per_symbol).length)
  for (const [symbol, of] of Object.entries(expected.per_symbol)) {
    const counted = { symbol, tradeCount: of.trade_count, lastTradeAt: of.last_trade_at }
    assert.equal(ofSymbol(rows.symbols, symbol), [counted])
    assert.is(digest(ofSymbol<Row>(rows.trades, symbol).map(tradeLine)), of.trades_sha256)
    assertCandles(ofSymbol(rows.candles, symbol), of)
  }
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

function tradeLine(row: Row): string {
  const { executedAt, price, volume, conditions } = row as TradeExecuted
  const canonical = [price, volume].map((text) => formatDecimal(parseDecimal(text)))
  return [executedAt, ...canonical, conditions.join(';')].join(',')
}

const total = (texts: readonly string[]): string =>
  formatDecimal(texts.map(parseDecimal).reduce(add, zero))

function assertCandles(rows: readonly CandleRow[], expected: ExpectedSymbol) {
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
