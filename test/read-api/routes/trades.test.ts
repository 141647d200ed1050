import * as assert from 'uvu/assert'
import type { TradeExecuted } from '../../../src/domain/trade-executed.ts'
import { seededRandom, testSeed } from '../../support/random.ts'
import { type Get, startTestApi } from '../../support/read-api.ts'
import { suite } from '../../support/suite.ts'
import { trade } from '../../support/trade.ts'

const test = suite('GET /api/v1/trades/:symbol')
const { get, record, rebuild, close } = await startTestApi()
test.after(close)

const at = 1_763_645_583_544

test('gives the newest first, with every field as traded', async () => {
  await record([
    trade({ symbol: 'ONE', executedAt: at, price: '196.38', volume: '0.00000001' }),
    trade({ symbol: 'ONE', executedAt: at + 1, price: '0.1', conditions: ['1', '12'] }),
  ])
  const { json } = await get('/api/v1/trades/ONE')
  assert.equal(json.data, {
    data: [
      {
        timestamp: '2025-11-20T13:33:03.545Z',
        executed_at: at + 1,
        price: '0.1',
        volume: '1',
        conditions: ['1', '12'],
        source: 'simulated',
      },
      {
        timestamp: '2025-11-20T13:33:03.544Z',
        executed_at: at,
        price: '196.38',
        volume: '0.00000001',
        conditions: [],
        source: 'simulated',
      },
    ],
    pagination: { next_cursor: null },
  })
  assert.equal([json.error, json.message], [null, null])
})

test('gives 15 by default, and a cursor only if more follow', async () => {
  await record(numbered('SIXTEEN', 16))
  const first = await get('/api/v1/trades/SIXTEEN')
  assert.is(first.json.data.data.length, 15)
  const rest = await get(`/api/v1/trades/SIXTEEN?before=${first.json.data.pagination.next_cursor}`)
  assert.equal(pricesOf(rest.json), ['0'])
  assert.is(rest.json.data.pagination.next_cursor, null)
  const all = await get('/api/v1/trades/SIXTEEN?limit=16')
  assert.is(all.json.data.pagination.next_cursor, null)
})

test('before a Unix time gives strictly older ones', async () => {
  await record(numbered('TIMED', 3))
  assert.equal(pricesOf((await get(`/api/v1/trades/TIMED?before=${at + 2}`)).json), ['1', '0'])
  assert.equal(pricesOf((await get(`/api/v1/trades/TIMED?before=${at}`)).json), [])
  assert.equal(pricesOf((await get('/api/v1/trades/TIMED?before=946684800000')).json), [])
  assert.is(pricesOf((await get('/api/v1/trades/TIMED?before=999999999999999')).json).length, 3)
})

test('pages give 700 trades of one millisecond once each, in order', async () => {
  await record(numbered('BURST', 700, () => at))
  for (const limit of [7, 15, 699, 700, 1_000]) {
    assert.equal(await walk(get, 'BURST', limit), descending(700), `limit ${limit}`)
  }
})

test('pages are exact while newer, older and equal trades arrive between them', async () => {
  const random = seededRandom(testSeed)
  await record(numbered('BUSY', 200, (index) => at + Math.floor(index / 10)))
  let arrived = 0
  const seen = await walk(get, 'BUSY', 15, async () => {
    const times = [at + 1_000, at + 10, at + 19, at + Math.floor(random() * 20)]
    const late = times.map((executedAt) => trade({ symbol: 'BUSY', executedAt, price: 'late' }))
    arrived += late.length
    await record(late.map((one) => ({ ...one, price: '1000000' })))
  })
  assert.ok(arrived > 0)
  const walked = seen.filter((price) => price !== '1000000')
  assert.equal(walked, descending(200), `seed ${testSeed}`)
})

test('pages go on after a promotion that drops the generation of the first page', async () => {
  await record(numbered('MOVED', 100))
  let promotions = 0
  const seen = await walk(get, 'MOVED', 15, async () => {
    promotions++
    await rebuild('trades')
  })
  assert.ok(promotions >= 6)
  assert.equal(seen, descending(100))
})

test('a symbol that is a prefix of another has only its own trades', async () => {
  await record([
    ...['PRE', 'PREFIX', 'PRE FIX', 'PRE~'].map((symbol) => trade({ symbol, price: '3' })),
    trade({ symbol: 'PRE', price: '4', executedAt: at + 1 }),
  ])
  assert.equal(pricesOf((await get('/api/v1/trades/PRE')).json), ['4', '3'])
})

/** Prices count up from 0 in the order of the log. */
const numbered = (symbol: string, count: number, time = (index: number) => at + index) =>
  Array.from(
    { length: count },
    (_, index): TradeExecuted => trade({ symbol, price: String(index), executedAt: time(index) }),
  )

const descending = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => String(count - 1 - index))

const pricesOf = (json: { data: { data: { price: string }[] } }): string[] =>
  json.data.data.map(({ price }) => price)

async function walk(
  get: Get,
  symbol: string,
  limit: number,
  between: () => Promise<void> = async () => {},
): Promise<string[]> {
  const prices: string[] = []
  let before = ''
  do {
    const { status, json } = await get(`/api/v1/trades/${symbol}?limit=${limit}${before}`)
    assert.is(status, 200)
    prices.push(...pricesOf(json))
    const { next_cursor: cursor } = json.data.pagination
    before = cursor === null ? '' : `&before=${cursor}`
    if (before !== '') await between()
  } while (before !== '')
  return prices
}

test.run()
