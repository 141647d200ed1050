import * as assert from 'uvu/assert'
import { interruptions } from '../../../src/projections/read-models/interruptions.ts'
import { encodeKey } from '../../../src/read-model-store/key.ts'
import { openEventStream } from '../../support/event-stream.ts'
import { eventually } from '../../support/eventually.ts'
import { firstListened, reportKnownUntil } from '../../support/listening.ts'
import { startTestApi, testLimits } from '../../support/read-api.ts'
import { suite } from '../../support/suite.ts'
import { interruption, trade } from '../../support/trade.ts'

const test = suite('GET /api/v1/stream')

type Tick = Readonly<{ symbol: string; price: string; time: string; trade_count: number }>

const countsOf = (ticks: readonly Tick[], symbol: string): number[] =>
  ticks.filter((tick) => tick.symbol === symbol).map((tick) => tick.trade_count)

const isRising = (numbers: readonly number[]): boolean =>
  numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0))

test('sends the state of every symbol, then each change, as the route of one symbol', async () => {
  const { api, get, record, close } = await startTestApi()
  await record([trade({ symbol: 'A' }), trade({ symbol: 'B' })])
  const stream = await openEventStream(api)
  assert.is(stream.response.headers['content-type'], 'text/event-stream; charset=utf-8')
  assert.match(String(stream.response.headers['cache-control']), 'no-transform')
  await eventually(() => stream.of('tick').length === 2)
  await record([trade({ symbol: 'B', price: '101' })])
  await eventually(() => stream.of('tick').length === 3)
  const { json } = await get('/api/v1/vwap/B')
  assert.equal(stream.of('tick').at(-1), json.data)
  await eventually(() => stream.ids.at(-1)?.startsWith('0:2:'))
  stream.close()
  await close()
})

test('sends a symbol at most ten times a second, and its last state', async () => {
  const { api, record, close } = await startTestApi()
  const begin = performance.now()
  const stream = await openEventStream(api)
  const end = begin + 1_500
  let count = 0
  while (performance.now() < end) {
    await record([trade(), trade()])
    count += 2
  }
  await eventually(() => stream.of('tick').at(-1)?.trade_count === count)
  const seconds = (performance.now() - begin) / 1_000
  const ticks = stream.of('tick').length
  assert.ok(ticks > 1 && ticks <= 10 * seconds + 1, `${ticks} ticks in ${seconds} s`)
  assert.ok(isRising(countsOf(stream.of('tick'), 'AAPL')))
  stream.close()
  await close()
})

test('sends the symbols asked for, also those that come later', async () => {
  const { api, record, close } = await startTestApi()
  await record([trade({ symbol: 'A' }), trade({ symbol: 'B' })])
  const list = ['A', 'KRAKEN:XBT/USD', '100%'].map(encodeURIComponent).join(',')
  const lists = [list, encodeURIComponent('A,KRAKEN:XBT/USD,100%')]
  for (const [index, symbols] of lists.entries()) {
    const path = `/api/v1/stream?symbols=${symbols}`
    const stream = await openEventStream({ port: api.port, path })
    await eventually(() => countsOf(stream.of('tick'), 'A').length === 1)
    await record([trade({ symbol: 'B' }), trade({ symbol: '100%' })])
    await eventually(() => countsOf(stream.of('tick'), '100%').at(-1) === index + 1)
    assert.equal(countsOf(stream.of('tick'), 'B'), [])
    stream.close()
  }
  await close()
})

test('sends the open candle, and once more the one before it', async () => {
  const { api, get, record, close } = await startTestApi()
  const start = Date.parse('2025-11-20T13:30:00Z')
  await record([trade({ executedAt: start + 1 })])
  const path = '/api/v1/stream?interval=5m'
  const stream = await openEventStream({ port: api.port, path })
  await eventually(() => stream.of('candle').length === 1)
  await record([
    trade({ executedAt: start + 299_999, price: '101' }),
    trade({ executedAt: start + 300_000, price: '102' }),
  ])
  await eventually(() => stream.of('candle').length >= 3)
  const { json } = await get('/api/v1/candles/AAPL?interval=5m')
  const shown = json.data.data.map((candle: object) => ({
    symbol: 'AAPL',
    interval: '5m',
    ...candle,
  }))
  assert.equal(stream.of('candle').slice(1), shown.reverse())
  // A late trade revises a candle that is no longer open.
  await record([trade({ executedAt: start + 2 }), trade({ executedAt: start + 300_001 })])
  await eventually(() => stream.of('candle').at(-1)?.trade_count === 2)
  const starts = stream.of('candle').map(({ start }) => start)
  assert.equal(starts, starts.toSorted())
  stream.close()
  await close()
})

test('sends the open candle again when an interruption makes it incomplete', async () => {
  const { api, store, record, close } = await startTestApi()
  const start = Date.parse('2025-11-20T13:30:00Z')
  await reportKnownUntil(store, Date.now())
  await record(['AAPL', 'MSFT'].map((symbol) => firstListened(symbol, start)))
  await record(['AAPL', 'MSFT'].map((symbol) => trade({ symbol, executedAt: start + 1 })))
  const stream = await openEventStream({ port: api.port, path: '/api/v1/stream?interval=1m' })
  await eventually(() => stream.of('candle').length === 2)
  await eventually(() => stream.ids.at(-1)?.startsWith('0:3:'))
  await record([interruption({ from: start + 2, until: start + 3 })])
  await eventually(() => stream.of('candle').length === 3)
  const { symbol, complete, trade_count } = stream.of('candle').at(-1) ?? {}
  assert.equal([symbol, complete, trade_count], ['AAPL', false, 1])
  await record([trade({ executedAt: start + 4 }), trade({ executedAt: start + 60_000 })])
  await eventually(() => stream.of('candle').at(-1)?.start === '2025-11-20T13:31:00.000Z')
  assert.equal(
    stream.of('candle').map((candle) => candle.complete),
    [true, true, false, false, true],
  )
  stream.close()
  await close()
})

test('a candle ahead of its interruption is sent again, also on a resumed stream', async () => {
  const { api, record, store, rebuild, close } = await startTestApi()
  const start = Date.parse('2025-11-20T13:30:00Z')
  await reportKnownUntil(store, Date.now())
  await record([firstListened('AAPL', start), trade({ executedAt: start + 1 })])
  const path = '/api/v1/stream?interval=1m'
  const stream = await openEventStream({ port: api.port, path })
  await eventually(() => stream.of('candle').length === 1)
  const pointer = await store.pointer('interruptions')
  assert.ok(pointer)
  // A generation that no projector updates stands for a model that is behind.
  const { version } = interruptions
  const lagging = await store.create({ model: 'interruptions', version, kind: 'series' })
  await lagging.commit({
    partition: 0,
    from: 0,
    to: 1,
    applied: 1,
    origin: 'log',
    rows: {
      kind: 'series',
      writes: [{ key: encodeKey(['AAPL', 0, 0, 0]), value: firstListened('AAPL', start) }],
    },
  })
  const opened = store.calls.get('open') ?? 0
  await store.promote({ ...pointer, active: lagging.info.id }, pointer.active)
  await eventually(() => (store.calls.get('open') ?? 0) > opened)
  await record([
    interruption({ from: start + 2, until: start + 3 }),
    trade({ executedAt: start + 4 }),
  ])
  await eventually(() => stream.of('candle').at(-1)?.trade_count === 2)
  assert.is(stream.of('candle').at(-1)?.complete, true)
  const headers = { 'Last-Event-ID': stream.ids.at(-1) ?? '' }
  await rebuild('interruptions')
  await eventually(() => stream.of('candle').at(-1)?.complete === false)
  const second = await openEventStream({ port: api.port, path, headers })
  await eventually(() => second.of('candle').at(-1)?.complete === false)
  stream.close()
  second.close()
  await close()
})

test('resumes after the given id', async () => {
  const { api, record, close } = await startTestApi()
  await record([trade({ symbol: 'A' }), trade({ symbol: 'B' })])
  const first = await openEventStream(api)
  const id = await eventually(() => first.ids.at(-1))
  first.close()
  await record([trade({ symbol: 'B' })])
  const headers = { 'Last-Event-ID': id }
  const second = await openEventStream({ port: api.port, headers })
  await eventually(() => second.ids.length === 1)
  assert.equal(countsOf(second.of('tick'), 'A'), [])
  assert.equal(countsOf(second.of('tick'), 'B'), [2])
  second.close()
  const third = await openEventStream({ port: api.port, headers: { 'Last-Event-ID': 'nonsense' } })
  await eventually(() => third.of('tick').length === 2)
  third.close()
  await close()
})

test('is not affected by a promotion', async () => {
  const { api, record, rebuild, close } = await startTestApi()
  await record([trade()])
  const stream = await openEventStream({ port: api.port, path: '/api/v1/stream?interval=1m' })
  await eventually(() => stream.of('candle').length === 1)
  let count = 1
  for (let round = 0; round < 5; round++) {
    await rebuild('vwap')
    await rebuild('candles')
    await record([trade()])
    count += 1
    await eventually(() => stream.of('tick').at(-1)?.trade_count === count)
    await eventually(() => stream.of('candle').at(-1)?.trade_count === count)
  }
  assert.equal(countsOf(stream.of('tick'), 'AAPL'), [1, 2, 3, 4, 5, 6])
  assert.not(stream.hasEnded())
  stream.close()
  await close()
})

test('goes on after the store was unavailable, hung or broke', async () => {
  for (const fault of ['away', 'hanging', 'broken'] as const) {
    const stream = { heartbeatEveryMs: 20 }
    const { api, record, store, close } = await startTestApi({ stream, requestTimeoutMs: 100 })
    await record([trade()])
    const client = await openEventStream({ port: api.port, path: '/api/v1/stream?interval=1m' })
    await eventually(() => client.of('candle').length === 1)
    store.fault = fault
    await record([trade()])
    const late = await openEventStream(api)
    const before = client.comments.length
    await eventually(() => client.comments.length > before + 5)
    store.fault = 'none'
    await eventually(() => client.of('tick').at(-1)?.trade_count === 2)
    await eventually(() => client.of('candle').at(-1)?.trade_count === 2)
    await eventually(() => late.of('tick').at(-1)?.trade_count === 2)
    assert.not(client.hasEnded())
    client.close()
    late.close()
    await close()
  }
})

test('sends ticks while there are no candles', async () => {
  const { api, record, rebuild, close } = await startTestApi({ readModels: 'none' })
  await record([trade()])
  const stream = await openEventStream({ port: api.port, path: '/api/v1/stream?interval=1m' })
  await rebuild('vwap')
  await eventually(() => stream.of('tick').length === 1)
  await rebuild('candles')
  await eventually(() => stream.of('candle').length === 1)
  stream.close()
  await close()
})

test('feeds 200 clients by one poll, at most ten times a second, and stops after them', async () => {
  const { api, record, store, close } = await startTestApi()
  await record([trade()])
  const begin = performance.now()
  const streams = await Promise.all(Array.from({ length: 200 }, () => openEventStream(api)))
  for (let count = 1; count <= 5; count++) {
    await eventually(() => streams.every((one) => one.of('tick').at(-1)?.trade_count === count))
    await record([trade()])
  }
  for (const stream of streams) stream.close()
  const polls = store.calls.get('checkpoint') ?? 0
  const seconds = (performance.now() - begin) / 1_000
  assert.ok(polls >= 5 && polls <= 10 * seconds + 1, `${polls} polls in ${seconds} s`)
  const scans = store.calls.get('scan') ?? 0
  assert.ok(scans >= 5 && scans <= 6, `${scans} scans`)
  let before: number | undefined
  const isIdle = () => {
    const calls = store.calls.get('checkpoint')
    const isSame = calls === before
    before = calls
    return isSame
  }
  await eventually(isIdle, { everyMs: 300 })
  await close()
})

test('says bye when the API closes', async () => {
  const { api, record, close } = await startTestApi()
  await record([trade()])
  const streams = await Promise.all([openEventStream(api), openEventStream(api)])
  await close()
  for (const stream of streams) {
    await eventually(() => stream.hasEnded())
    assert.equal(stream.of('bye'), [{ reason: 'shutting down' }])
  }
})

test('is refused beyond the maximum of clients, until one disconnects', async () => {
  const { api, get, close } = await startTestApi({ limits: { ...testLimits, streamsMax: 1 } })
  const stream = await openEventStream(api)
  const { status, json } = await get('/api/v1/stream')
  assert.is(status, 503)
  assert.is(json.error.code, 'TOO_MANY_STREAMS')
  stream.close()
  const next = await eventually(() => openEventStream(api))
  next.close()
  await close()
})

test('refuses an invalid request, in the envelope', async () => {
  const { get, close } = await startTestApi()
  const refused = [
    ['symbols=', 'INVALID_SYMBOL'],
    ['symbols=A,,B', 'INVALID_SYMBOL'],
    ['symbols=A%00', 'INVALID_SYMBOL'],
    ['symbols=%FF', 'INVALID_SYMBOL'],
    [`symbols=${'A'.repeat(129)}`, 'INVALID_SYMBOL'],
    ['symbols=A&symbols=B', 'INVALID_SYMBOL'],
    ['interval=2m', 'INVALID_INTERVAL'],
    ['interval=', 'INVALID_INTERVAL'],
    ['limit=5', 'INVALID_QUERY'],
  ] as const
  for (const [query, code] of refused) {
    const { status, json } = await get(`/api/v1/stream?${query}`)
    assert.is(status, 400, query)
    assert.is(json.error.code, code, query)
  }
  assert.is((await get('/api/v1/stream', { method: 'POST' })).status, 405)
  const head = await get('/api/v1/stream', { method: 'HEAD' })
  assert.is(head.status, 200)
  assert.is(head.headers['content-type'], 'text/event-stream; charset=utf-8')
  await close()
})

test.run()
