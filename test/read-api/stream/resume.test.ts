import * as assert from 'uvu/assert'
import { startReadApi } from '../../../src/read-api/server.ts'
import { createMetrics } from '../../../src/runtime/metrics.ts'
import { openEventStream } from '../../support/event-stream.ts'
import { eventually } from '../../support/eventually.ts'
import { seededRandom } from '../../support/random.ts'
import { startTestApi, testLimits } from '../../support/read-api.ts'
import { silent } from '../../support/silent.ts'
import { suite } from '../../support/suite.ts'
import { trade } from '../../support/trade.ts'

const test = suite('a stream resumed')

test('twenty times, across promotions, ends at the true state and never goes back', async () => {
  const { store, get, record, rebuild, close } = await startTestApi()
  const random = seededRandom(7)
  const symbols = ['A', 'B', 'C', 'D', 'E']
  const recordSome = () =>
    record(symbols.filter(() => random() < 0.4).map((symbol) => trade({ symbol })))
  await record(symbols.map((symbol) => trade({ symbol })))

  const counts = new Map<string, number>()
  let id = ''
  let received = 0
  const at = { host: '127.0.0.1', port: 0, expectsIngest: false }
  const options = { store, ...at, requestTimeoutMs: 2_000, limits: testLimits, logger: silent }
  for (let round = 0; round < 20; round++) {
    const api = await startReadApi({
      ...options,
      metrics: createMetrics(),
      stream: { pollEveryMs: 5 },
    })
    const stream = await openEventStream({ port: api.port, headers: { 'Last-Event-ID': id } })
    await recordSome()
    if (round % 4 === 0) await rebuild('vwap')
    await recordSome()
    if (random() < 0.7) await eventually(() => stream.ids.length > 0)
    stream.response.destroy()
    await api.close()
    for (const { symbol, trade_count } of stream.of('tick')) {
      assert.ok(trade_count >= (counts.get(symbol) ?? 0), `${symbol} ${trade_count}`)
      counts.set(symbol, trade_count)
      received += 1
    }
    id = stream.ids.at(-1) ?? id
  }
  const api = await startReadApi({ ...options, metrics: createMetrics() })
  const stream = await openEventStream({ port: api.port, headers: { 'Last-Event-ID': id } })
  const { json } = await get('/api/v1/vwap')
  await eventually(() => {
    for (const { symbol, trade_count } of stream.of('tick')) counts.set(symbol, trade_count)
    return json.data.data.every(
      (row: { symbol: string; trade_count: number }) => counts.get(row.symbol) === row.trade_count,
    )
  })
  assert.ok(received < 20 * symbols.length, `${received} ticks: more than what is new was sent`)
  stream.close()
  await api.close()
  await close()
})

test.run()
