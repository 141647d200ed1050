import * as assert from 'uvu/assert'
import { compare, formatDecimal, parseDecimal } from '../../../src/domain/decimal.ts'
import { firstListened, reportKnownUntil } from '../../support/listening.ts'
import { seededRandom, testSeed } from '../../support/random.ts'
import { startTestApi } from '../../support/read-api.ts'
import { suite } from '../../support/suite.ts'
import { interruption, trade } from '../../support/trade.ts'

const test = suite('GET /api/v1/candles/:symbol')
const { get, record, store, close } = await startTestApi()
test.after(close)

const minuteMs = 60_000
/** 2025-11-20T12:00:00Z, a start of every interval but the day. */
const noon = Date.UTC(2025, 10, 20, 12)

/** Every symbol of these tests is listened to from the day before on, and without end. */
const listened = (symbol: string) => firstListened(symbol, noon - 24 * 60 * minuteMs)
await reportKnownUntil(store, Date.now())

test('gives a candle by the time of its trades', async () => {
  await record([
    listened('ONE'),
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
        complete: true,
      },
    ],
    pagination: { next_cursor: null },
  })
})

test('an interval that is not stored is made exactly from stored ones', async () => {
  await record([
    listened('FIVE'),
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
      complete: true,
    },
  ])
})

test('the VWAP of tiny prices is not 0, whatever the interval', async () => {
  await record([
    trade({ symbol: 'TINY', executedAt: noon, price: '0.00000000172', volume: '1' }),
    trade({ symbol: 'TINY', executedAt: noon + minuteMs, price: '0.00000000173', volume: '2' }),
    trade({ symbol: 'TINY', executedAt: noon + 2 * minuteMs, price: '0.0000000017', volume: '0' }),
  ])
  const { json } = await get('/api/v1/candles/TINY')
  assert.equal(
    json.data.data.map(({ vwap }: Candle) => vwap),
    [null, '0.00000000173', '0.00000000172'],
  )
  for (const interval of Object.keys(lengthsMs).slice(1)) {
    const candles = await walk(`/api/v1/candles/TINY?interval=${interval}`)
    assert.equal(
      candles.map(({ low, vwap, high }) => [low, vwap, high]),
      [['0.0000000017', '0.00000000172666667', '0.00000000173']],
    )
  }
})

test('a VWAP is between low and high, whatever the prices and the interval', async () => {
  const random = seededRandom(testSeed)
  const decimal = () =>
    formatDecimal({
      units: BigInt(1 + Math.floor(random() * 1_000_000)),
      scale: Math.floor(random() * 21),
    })
  const trades = Array.from({ length: 800 }, () =>
    trade({
      symbol: 'LAW',
      executedAt: noon + Math.floor(random() * 2 * 24 * 60) * minuteMs,
      price: decimal(),
      volume: decimal(),
    }),
  )
  await record(trades)
  for (const interval of Object.keys(lengthsMs)) {
    for (const candle of await walk(`/api/v1/candles/LAW?limit=1000&interval=${interval}`)) {
      const [low, vwap, high] = [candle.low, candle.vwap ?? '', candle.high].map(parseDecimal)
      const isBetween = low && vwap && high && compare(low, vwap) <= 0 && compare(vwap, high) <= 0
      assert.ok(isBetween, `${interval} ${JSON.stringify(candle)}, seed ${testSeed}`)
    }
  }
})

test('every interval gives the same candles in pages of any size', async () => {
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

test('the largest page of the interval with most rows is read in chunks', async () => {
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
  assert.is(store.calls.get('page'), 8 + 1)
})

/** Which minutes (or longer candles) are incomplete, by their starts: `12:01`. */
async function incomplete(symbol: string, query = ''): Promise<string[]> {
  const candles = await walk(`/api/v1/candles/${symbol}?limit=1000${query}`)
  return candles
    .filter(({ complete }) => complete === false)
    .map(({ start }) => start.slice(11, 16))
}

const everyMinute = (symbol: string, minutes: number) =>
  Array.from({ length: minutes }, (_, minute) =>
    trade({ symbol, executedAt: noon + minute * minuteMs }),
  )

const interrupt = (symbol: string, fromMs: number, untilMs: number) =>
  interruption({ symbol, from: noon + fromMs, until: noon + untilMs })

test('a candle is complete unless an interruption of its symbol overlaps it', async () => {
  await record([
    ...['CUT', 'OTHER'].map(listened),
    ...everyMinute('CUT', 10),
    ...everyMinute('OTHER', 10),
    interrupt('CUT', 2 * minuteMs + 1, 4 * minuteMs),
    interrupt('OTHER', 4 * minuteMs, 6 * minuteMs + 1),
    trade({ symbol: 'CUT', executedAt: noon + minuteMs }),
  ])
  assert.equal(await incomplete('CUT'), ['12:03', '12:02'])
  assert.equal(await incomplete('OTHER'), ['12:06', '12:05', '12:04'])
})

test('longer candles are incomplete too, stored or not; their neighbours are not', async () => {
  const hours = Array.from({ length: 48 }, (_, hour) =>
    trade({ symbol: 'LONGER', executedAt: noon + hour * 60 * minuteMs }),
  )
  await record([listened('LONGER'), ...hours, interrupt('LONGER', 7 * minuteMs, 8 * minuteMs)])
  for (const [interval, starts] of Object.entries({
    '1m': [],
    '5m': [],
    '15m': ['12:00'],
    '1h': ['12:00'],
    '4h': ['12:00'],
    '1d': ['00:00'],
  })) {
    assert.equal(await incomplete('LONGER', `&interval=${interval}`), starts, interval)
  }
})

test('finds interruptions with one beginning, and one that ends after the page', async () => {
  await record([
    listened('NEST'),
    ...everyMinute('NEST', 8),
    // Restarts that each ended before a trade: all begin when the first began.
    ...[2, 3, 5].map((minute) => interrupt('NEST', minuteMs + 1, minute * minuteMs)),
    interrupt('NEST', 7 * minuteMs, 600 * minuteMs),
  ])
  assert.equal(await incomplete('NEST'), ['12:07', '12:04', '12:03', '12:02', '12:01'])
  const { json } = await get(`/api/v1/candles/NEST?before=${noon + 2 * minuteMs}`)
  assert.equal(
    json.data.data.map((candle: Candle) => candle.complete),
    [false, true],
  )
})

test('many interruptions cost at most a read for each candle, rare ones share a read', async () => {
  const dense = Array.from({ length: 20_000 }, (_, i) => interrupt('DENSE', i * 30, i * 30 + 10))
  await record([listened('DENSE'), ...everyMinute('DENSE', 20), ...dense])
  await record([
    listened('SPARSE'),
    ...everyMinute('SPARSE', 20),
    interrupt('SPARSE', 5 * minuteMs, 5 * minuteMs + 1),
  ])
  store.calls.clear()
  assert.is((await incomplete('DENSE')).length, 10)
  assert.ok((store.calls.get('page') ?? 0) <= 1 + 11, `${store.calls.get('page')} pages`)
  store.calls.clear()
  assert.equal(await incomplete('SPARSE'), ['12:05'])
  assert.is(store.calls.get('page'), 2)
})

test('while interruptions are not built, candles are given with unknown completeness', async () => {
  const api = await startTestApi({ readModels: 'none' })
  await api.rebuild('candles')
  await api.rebuild('symbols')
  await api.record([firstListened('AAPL', noon), trade()])
  await reportKnownUntil(api.store, Date.now())
  const { status, json } = await api.get('/api/v1/candles/AAPL')
  assert.is(status, 200)
  assert.is(json.data.data[0].complete, null)
  await api.rebuild('interruptions')
  const known = await api.get('/api/v1/candles/AAPL')
  assert.is(known.json.data.data[0].complete, true)
  await api.close()
})

type Candle = {
  start: string
  low: string
  high: string
  vwap: string | null
  trade_count: number
  complete: boolean | null
}

const lengthsMs = {
  '1m': minuteMs,
  '5m': 5 * minuteMs,
  '15m': 15 * minuteMs,
  '1h': 60 * minuteMs,
  '4h': 240 * minuteMs,
  '1d': 1_440 * minuteMs,
}

const flat = (price: string) => ({
  open: price,
  high: price,
  low: price,
  close: price,
  complete: true,
})

async function walk(path: string): Promise<Candle[]> {
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
