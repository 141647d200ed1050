import * as assert from 'uvu/assert'
import type { CandleRow } from '../../../src/projections/read-models/candles.ts'
import { shownCandle } from '../../../src/read-api/read-models/candle.ts'
import { suite } from '../../support/suite.ts'

const test = suite('candle as the API shows it')

const start = Date.UTC(2025, 10, 20, 12)

const row: CandleRow = {
  symbol: 'A',
  interval: '1m',
  start,
  open: '0.00000000172',
  high: '0.00000000173',
  low: '0.00000000172',
  close: '0.00000000173',
  volume: '3',
  notional: '0.00000000518',
  priceDigits: 13,
  tradeCount: 5,
  opened: [start, 0, 0],
  closed: [start, 0, 4],
}

const vwapOf = (...rows: readonly CandleRow[]) => shownCandle({ start, rows }, true).vwap

test('its VWAP has six digits more than any of its prices', () => {
  assert.is(vwapOf(row), '0.0000000017266666667')
  assert.is(
    vwapOf({ ...row, priceDigits: 11 }, { ...row, priceDigits: 12 }),
    '0.000000001726666667',
  )
})

test('its VWAP is between low and high also of a row that was stored without its digits', () => {
  const { priceDigits, ...ofVersion1 } = row
  assert.is(vwapOf(ofVersion1 as CandleRow), '0.00000000172666667')
})

test.run()
