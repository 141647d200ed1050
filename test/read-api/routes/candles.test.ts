import * as assert from 'uvu/assert'
import { seededRandom, testSeed } from '../../support/random.ts'
import { startTestApi } from '../../support/read-api.ts'
import { suite } from '../../support/suite.ts'
import { trade } from '../../support/trade.ts'

const test = suite('GET /api/v1/candles/:symbol')
const { get, record, store, close } = await startTestApi()
test.after(close)

const minuteMs = 60_000
/** 2025-11-20T12:00:00Z, a border of every interval but the day's. */
const noon = Date.UTC(2025, 10, 20, 12)

test('gives a candle by the time of its trades', async () => {
  await record([
    trade({ symbol: 'ONE', executedAt: noon + 59_999, price: '12', volume: '0.5' }),
    trade({ symbol: 'ONE', executedAt: noon, price: '10', volume: '1' }),
    trade({ symbol: 'ONE', executedAt: noon + 1, price: '9.5', volume: '1.5' }),
    trade({ symbol: 'ONE', executedAt: noon + minuteMs, price: '30', volume: '0' }),
  ])
  const { json } = await get('/api/v1/candles/ONE')
  assert.equal(json.data, {
    data: [
      { ...flat('30'), start: '2025-11-20T12:01:00.000Z', volume: '0', vwap: null, trade_count: 1 },
      {
        start: '2025-11-20T12:00:00.000Z',
        open: '10',
        high: '12',
        low: '9.5',
        close: '12',
        volume: '3',
        vwap: '10.08333333',
        trade_count: 3,
      },
    ],
    pagination: { next_cursor: null },
  })
})

test('an interval that is not stored is made of those that are, exactly', async () => {
  await record([
    trade({ symbol: 'FIVE', executedAt: noon, price: '0.1', volume: '0.2' }),
    trade({ symbol: 'FIVE', executedAt: noon + 2 * minuteMs, price: '10', volume: '0.1' }),
    trade({ symbol: 'FIVE', executedAt: noon + 5 * minuteMs - 1, price: '9', volume: '0' }),
    trade({ symbol: 'FIVE', executedAt: noon + 5 * minuteMs, price: '7', volume: '1' }),
  ])
  const { json } = await get('/api/v1/candles/FIVE?interval=5m')
  assert.equal(json.data.data, [
    { ...flat('7'), start: '2025-11-20T12:05:00.000Z', volume: '1', vwap: '7', trade_count: 1 },
    {
      start: '2025-11-20T12:00:00.000Z',
      open: '0.1',
      high: '10',
      low: '0.1',
      close: '9',
      volume: '0.3',
      vwap: '3.4',
      trade_count: 3,
    },
  ])
})

test('walked in pages of any size, every interval gives the same candles', async () => {
  const random = seededRandom(testSeed)
  const trades = Array.from({ length: 600 }, () =>
    trade({
      symbol: 'WALK',
      executedAt: noon + Math.floor(random() * 3 * 24 * 60) * minuteMs,
      price: String(1 + Math.floor(random() * 100)),
    }),
  )
  await record(trades)
  for (const [interval, lengthMs] of Object.entries(lengthsMs)) {
    const starts = new Set(trades.map(({ executedAt: at }) => at - (at % lengthMs)))
    const expected = [...starts].sort((a, b) => b - a).map((start) => new Date(start).toISOString())
    for (const limit of [3, 100, 1_000]) {
      const candles = await walk(`/api/v1/candles/WALK?interval=${interval}&limit=${limit}`)
      const message = `${interval} by ${limit}, seed ${testSeed}`
      assert.equal(
        candles.map(({ start }) => start),
        expected,
        message,
      )
      const counted = candles.reduce((sum, candle) => sum + candle.trade_count, 0)
      assert.is(counted, trades.length, message)
    }
  }
})

test('before a Unix time gives whole candles that started strictly before', async () => {
  await record(
    [0, 3, 5, 7].map((minute) => trade({ symbol: 'B4', executedAt: noon + minute * minuteMs })),
  )
  const startsBefore = async (before: number) => {
    const { json } = await get(`/api/v1/candles/B4?interval=5m&before=${before}`)
    return json.data.data.map((candle: Candle) => [candle.start.slice(11, 16), candle.trade_count])
  }
  assert.equal(await startsBefore(noon + 5 * minuteMs), [['12:00', 2]])
  assert.equal(await startsBefore(noon + 5 * minuteMs + 1), [
    ['12:05', 2],
    ['12:00', 2],
  ])
  assert.equal(await startsBefore(noon + 1), [['12:00', 2]])
  assert.equal(await startsBefore(noon), [])
})

test('the largest page of the interval that reads most rows is read in chunks', async () => {
  const minutes = 1_001 * 15
  await record(
    Array.from({ length: minutes }, (_, index) =>
      trade({ symbol: 'LONG', executedAt: noon + index * minuteMs }),
    ),
  )
  store.calls.clear()
  const { json } = await get('/api/v1/candles/LONG?interval=15m&limit=1000')
  assert.is(json.data.data.length, 1_000)
  assert.ok(json.data.data.every((candle: Candle) => candle.trade_count === 15))
  assert.is.not(json.data.pagination.next_cursor, null)
  assert.is(store.calls.get('page'), 8)
})

type Candle = { start: string; trade_count: number }

const lengthsMs = {
  '1m': minuteMs,
  '5m': 5 * minuteMs,
  '15m': 15 * minuteMs,
  '1h': 60 * minuteMs,
  '4h': 240 * minuteMs,
  '1d': 1_440 * minuteMs,
}

const flat = (price: string) => ({ open: price, high: price, low: price, close: price })

const walk = async (path: string): Promise<Candle[]> => {
  const candles: Candle[] = []
  for (let before = ''; ; ) {
    const { json } = await get(path + before)
    candles.push(...json.data.data)
    const { next_cursor: cursor } = json.data.pagination
    if (cursor === null) return candles
    before = `&before=${cursor}`
  }
}

test.run()
