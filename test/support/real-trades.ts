import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { TradeExecuted } from '../../src/domain/trade-executed.ts'
import { trade } from './trade.ts'

/** The folder of recorded trades, with the results of an independent program. */
export const testDataFolder = process.env.TRADELOG_TEST_DATA

export type ExpectedSymbol = Readonly<{
  trade_count: number
  last_trade_at: number
  volume_sum: string
  notional_sum: string
  min_price: string
  max_price: string
  first_price: string
  last_price: string
  candles_1m: number
  candles_1m_sha256: string
  trades_sha256: string
}>

export type ExpectedSet = Readonly<{
  rows: number
  candles_1m_sha256: string
  per_symbol: Readonly<Record<string, ExpectedSymbol>>
}>

export const expectedSets = (folder: string): Readonly<Record<string, ExpectedSet>> =>
  JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'))

/** The trades of a set in the order of their arrival; numbers as the file has them. */
export function realTrades(folder: string, file: string): readonly TradeExecuted[] {
  const lines = gunzipSync(readFileSync(join(folder, file)))
    .toString('utf8')
    .split('\n')
  return lines.slice(1, -1).map((line) => {
    const [symbol = '', price = '', volume = '', time = '', conditions = ''] = line.split(',')
    return trade({
      symbol,
      price,
      volume,
      executedAt: Number(time),
      conditions: conditions === '' ? [] : conditions.split(';'),
      source: 'recorded',
    })
  })
}
