import * as assert from 'uvu/assert'
import { startTestApi } from '../../support/read-api.ts'
import { suite } from '../../support/suite.ts'
import { trade } from '../../support/trade.ts'

const test = suite('GET /api/v1/symbols')

test('is empty before the first trade', async () => {
  const { get, close } = await startTestApi()
  const { status, json } = await get('/api/v1/symbols')
  assert.is(status, 200)
  assert.equal(json, { data: { available: [] }, error: null, message: null })
  await close()
})

test('gives every symbol by name, with its count and latest time', async () => {
  const { get, record, close } = await startTestApi()
  const late = 1_763_645_583_999
  await record([
    trade({ symbol: 'TSLA' }),
    trade({ symbol: 'AAPL', executedAt: late }),
    trade({ symbol: 'AAPL' }),
  ])
  const { json } = await get('/api/v1/symbols')
  assert.equal(json.data.available, [
    { symbol: 'AAPL', trade_count: 2, last_trade_at: '2025-11-20T13:33:03.999Z' },
    { symbol: 'TSLA', trade_count: 1, last_trade_at: '2025-11-20T13:33:03.544Z' },
  ])
  await close()
})

test.run()
