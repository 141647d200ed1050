import * as assert from 'uvu/assert'
import { startTestApi } from '../../support/read-api.ts'
import { suite } from '../../support/suite.ts'
import { trade } from '../../support/trade.ts'

const test = suite('GET /api/v1/vwap')
const { get, record, close } = await startTestApi()
test.after(close)

const time = '2025-11-20T13:33:03.544Z'

test('gives the price, the volume-weighted price and the change of a symbol', async () => {
  await record([
    trade({ symbol: 'B', price: '100', volume: '1' }),
    trade({ symbol: 'B', price: '200', volume: '2' }),
  ])
  const { json } = await get('/api/v1/vwap/B')
  assert.equal(json.data, {
    symbol: 'B',
    price: '200',
    time,
    vwap: '166.66666667',
    change: '100',
    trade_count: 2,
  })
})

test('gives null, never NaN, if nothing was traded', async () => {
  await record([trade({ symbol: 'A', price: '5', volume: '0' })])
  const { json } = await get('/api/v1/vwap/A')
  assert.is(json.data.vwap, null)
  assert.is(json.data.price, '5')
})

test('gives all symbols by name', async () => {
  await record([trade({ symbol: 'A', volume: '0' }), trade({ symbol: 'B' })])
  const { json } = await get('/api/v1/vwap')
  assert.equal(
    json.data.data.map((row: { symbol: string }) => row.symbol),
    ['A', 'B'],
  )
})

test.run()
