import * as assert from 'uvu/assert'
import { encodeCursor } from '../../src/read-api/http/cursor.ts'
import { encodeKey } from '../../src/read-model-store/key.ts'
import { startTestApi } from '../support/read-api.ts'
import { suite } from '../support/suite.ts'
import { trade } from '../support/trade.ts'

const test = suite('requests to the read API')
const { get, record, close } = await startTestApi()
test.after(close)
await record([trade(), trade({ symbol: 'KRAKEN:XBT/USD' })])

const ofAnother = encodeCursor(encodeKey(['MSFT', 1_763_645_583_544, 0, 1]))
const ofACandle = encodeCursor(encodeKey(['AAPL', '1m', 1_763_645_580_000]))
const ofATrade = encodeCursor(encodeKey(['AAPL', 1_763_645_583_544, 0, 1]))
const endless = encodeCursor('AAPL\u0001a12!')

const refused: readonly (readonly [path: string, status: number, code: string])[] = [
  // limit
  ['/api/v1/trades/AAPL?limit=0', 400, 'INVALID_LIMIT'],
  ['/api/v1/trades/AAPL?limit=1001', 400, 'INVALID_LIMIT'],
  ['/api/v1/trades/AAPL?limit=-1', 400, 'INVALID_LIMIT'],
  ['/api/v1/trades/AAPL?limit=', 400, 'INVALID_LIMIT'],
  ['/api/v1/trades/AAPL?limit', 400, 'INVALID_LIMIT'],
  ['/api/v1/trades/AAPL?limit=ten', 400, 'INVALID_LIMIT'],
  ['/api/v1/trades/AAPL?limit=1e2', 400, 'INVALID_LIMIT'],
  ['/api/v1/trades/AAPL?limit=0x10', 400, 'INVALID_LIMIT'],
  ['/api/v1/trades/AAPL?limit=1.0', 400, 'INVALID_LIMIT'],
  ['/api/v1/trades/AAPL?limit=%205', 400, 'INVALID_LIMIT'],
  ['/api/v1/trades/AAPL?limit=+5', 400, 'INVALID_LIMIT'],
  ['/api/v1/trades/AAPL?limit=%D9%A5', 400, 'INVALID_LIMIT'],
  ['/api/v1/trades/AAPL?limit=9007199254740993', 400, 'INVALID_LIMIT'],
  ['/api/v1/trades/AAPL?limit=5&limit=5', 400, 'INVALID_LIMIT'],
  ['/api/v1/trades/AAPL?limit=%E0%A4%A', 400, 'INVALID_LIMIT'],
  // before
  ['/api/v1/trades/AAPL?before=', 400, 'INVALID_CURSOR'],
  ['/api/v1/trades/AAPL?before=-1', 400, 'INVALID_CURSOR'],
  ['/api/v1/trades/AAPL?before=1.5', 400, 'INVALID_CURSOR'],
  ['/api/v1/trades/AAPL?before=2025-11-20', 400, 'INVALID_CURSOR'],
  ['/api/v1/trades/AAPL?before=9999999999999999', 400, 'INVALID_CURSOR'],
  ['/api/v1/trades/AAPL?before=AAAA', 400, 'INVALID_CURSOR'],
  [`/api/v1/trades/AAPL?before=${'A'.repeat(513)}`, 400, 'INVALID_CURSOR'],
  [`/api/v1/trades/AAPL?before=${ofATrade}A`, 400, 'INVALID_CURSOR'],
  [`/api/v1/trades/AAPL?before=${ofATrade.slice(0, -3)}`, 400, 'INVALID_CURSOR'],
  [`/api/v1/trades/AAPL?before=${ofAnother}`, 400, 'INVALID_CURSOR'],
  [`/api/v1/trades/AAPL?before=${ofACandle}`, 400, 'INVALID_CURSOR'],
  [`/api/v1/trades/AAPL?before=${endless}`, 400, 'INVALID_CURSOR'],
  ['/api/v1/trades/AAPL?before=1&before=2', 400, 'INVALID_CURSOR'],
  [`/api/v1/candles/AAPL?before=${ofATrade}`, 400, 'INVALID_CURSOR'],
  [`/api/v1/candles/AAPL?interval=5m&before=${ofACandle}`, 400, 'INVALID_CURSOR'],
  // interval
  ['/api/v1/candles/AAPL?interval=2m', 400, 'INVALID_INTERVAL'],
  ['/api/v1/candles/AAPL?interval=1M', 400, 'INVALID_INTERVAL'],
  ['/api/v1/candles/AAPL?interval=', 400, 'INVALID_INTERVAL'],
  ['/api/v1/candles/AAPL?interval=__proto__', 400, 'INVALID_INTERVAL'],
  ['/api/v1/candles/AAPL?interval=1m&interval=1m', 400, 'INVALID_INTERVAL'],
  // parameters that the route doesn't have
  ['/api/v1/trades/AAPL?interval=1m', 400, 'INVALID_QUERY'],
  ['/api/v1/trades/AAPL?Limit=5', 400, 'INVALID_QUERY'],
  ['/api/v1/trades/AAPL?__proto__=1', 400, 'INVALID_QUERY'],
  ['/api/v1/trades/AAPL?constructor=1', 400, 'INVALID_QUERY'],
  ['/api/v1/symbols?limit=5', 400, 'INVALID_QUERY'],
  ['/api/v1/vwap/AAPL?limit=5', 400, 'INVALID_QUERY'],
  ['/api/v1/vwap?x', 400, 'INVALID_QUERY'],
  ['/api/v1/read-models?model=trades', 400, 'INVALID_QUERY'],
  ['/healthz?verbose', 400, 'INVALID_QUERY'],
  // symbol
  ['/api/v1/trades/%E0%A4%A', 400, 'INVALID_SYMBOL'],
  ['/api/v1/trades/%', 400, 'INVALID_SYMBOL'],
  ['/api/v1/trades/%FF', 400, 'INVALID_SYMBOL'],
  ['/api/v1/trades/%ED%A0%80', 400, 'INVALID_SYMBOL'],
  ['/api/v1/trades/A%00', 400, 'INVALID_SYMBOL'],
  ['/api/v1/trades/A%01B', 400, 'INVALID_SYMBOL'],
  ['/api/v1/trades/A%7F', 400, 'INVALID_SYMBOL'],
  ['/api/v1/trades/A%C2%85', 400, 'INVALID_SYMBOL'],
  [`/api/v1/trades/${'A'.repeat(129)}`, 400, 'INVALID_SYMBOL'],
  [`/api/v1/trades/${'%C3%A9'.repeat(65)}`, 400, 'INVALID_SYMBOL'],
  ['/api/v1/candles/%E0%A4%A', 400, 'INVALID_SYMBOL'],
  ['/api/v1/vwap/%E0%A4%A', 400, 'INVALID_SYMBOL'],
  ['/api/v1/trades/', 400, 'INVALID_SYMBOL'],
  // paths and symbols that don't exist
  ['/api/v1/trades/NOPE', 404, 'SYMBOL_NOT_FOUND'],
  ['/api/v1/trades/aapl', 404, 'SYMBOL_NOT_FOUND'],
  ['/api/v1/trades/AAP', 404, 'SYMBOL_NOT_FOUND'],
  ['/api/v1/trades/__proto__', 404, 'SYMBOL_NOT_FOUND'],
  ['/api/v1/candles/NOPE', 404, 'SYMBOL_NOT_FOUND'],
  ['/api/v1/vwap/NOPE', 404, 'SYMBOL_NOT_FOUND'],
  [`/api/v1/trades/${'A'.repeat(128)}`, 404, 'SYMBOL_NOT_FOUND'],
  ['/api/v1/trades', 404, 'NOT_FOUND'],
  ['/api/v1/trades/KRAKEN:XBT/USD', 404, 'NOT_FOUND'],
  ['/api/v2/symbols', 404, 'NOT_FOUND'],
  ['/API/v1/symbols', 404, 'NOT_FOUND'],
  ['/api/v1/symbols/', 404, 'NOT_FOUND'],
  ['/%E0%A4%A', 404, 'NOT_FOUND'],
  ['/favicon.ico', 404, 'NOT_FOUND'],
  ['//', 404, 'NOT_FOUND'],
]

test('a wrong request gets its status and code in the envelope', async () => {
  for (const [path, status, code] of refused) {
    const answer = await get(path)
    assert.is(answer.status, status, path)
    assert.is(answer.json.data, null, path)
    assert.is(answer.json.error.code, code, path)
    assert.type(answer.json.message, 'string', path)
    assert.is(answer.headers['cache-control'], 'no-store', path)
  }
})

const other = 'use the next_cursor of these'
const unixMs = 'give it in Unix milliseconds'
const said: readonly (readonly [query: string, message: string])[] = [
  ['before=1763645583', `before looks like Unix seconds: ${unixMs}`],
  ['before=1763645583544000', `before looks like Unix microseconds: ${unixMs}`],
  ['before=1763645583544000000', `before looks like Unix nanoseconds: ${unixMs}`],
  ['before=0', `before is no time from the year 2000 on: ${unixMs}`],
  ['before=946684799999', `before is no time from the year 2000 on: ${unixMs}`],
  ['before=2025-11-20', `before looks like a date: ${unixMs}`],
  ['before=2025-11-20T13:33:03.544Z', `before looks like a date: ${unixMs}`],
  ...['-1763645583544', '1763645583.544', '1.7e12', '17e11', '%2B1763645583544'].map(
    (number) =>
      [
        `before=${number}`,
        'before looks like a number: give Unix milliseconds in digits alone, without sign or point',
      ] as const,
  ),
  ...['now', 'null', 'AAAA', '', '%20', '---'].map(
    (text) =>
      [
        `before=${text}`,
        'before must be the next_cursor of an answer, or Unix milliseconds in digits',
      ] as const,
  ),
  [`before=${ofAnother}`, `before is a cursor of other rows; ${other}`],
  ['limit=-1', 'limit must be a whole number from 1 to 1000, in digits'],
]

test('a time that is none is told what it looks like, and never is an empty page', async () => {
  for (const [query, message] of said) {
    const { status, json } = await get(`/api/v1/trades/AAPL?${query}`)
    assert.is(status, 400, query)
    assert.is(json.message, message, query)
  }
})

test('the intervals are listed for one that there is not', async () => {
  for (const interval of ['60', '1M', '1min', 'D', '30m']) {
    const { status, json } = await get(`/api/v1/candles/AAPL?interval=${interval}`)
    assert.is(status, 400, interval)
    assert.is(json.message, 'interval must be one of 1m, 5m, 15m, 1h, 4h, 1d')
  }
})

test('blanks, quotes and brackets around streamed symbols are refused, not waited for', async () => {
  for (const list of ['AAPL,%20TSLA', 'AAPL%20', '%22AAPL,TSLA%22', "'AAPL'", '[AAPL,TSLA]']) {
    const { status, json } = await get(`/api/v1/stream?symbols=${list}`)
    assert.is(status, 400, list)
    assert.is(json.error.code, 'INVALID_SYMBOL')
    assert.match(json.message, 'symbols with commas alone between them, without blanks or quotes')
  }
})

test('names every fault of a request; the first gives the code', async () => {
  const { json } = await get('/api/v1/candles/A%00?limit=0&before=!&interval=2m&colour=red')
  assert.is(json.error.code, 'INVALID_SYMBOL')
  const parts = json.error.reasons.map((reason: { part: string }) => reason.part)
  assert.equal(parts.sort(), ['before', 'colour', 'interval', 'limit', 'symbol'])
  for (const part of parts) assert.match(json.message, part)
})

test('a flood of unknown parameters gets a short answer', async () => {
  const query = Array.from({ length: 1_500 }, (_, index) => `p${index}`).join('&')
  const { status, text } = await get(`/api/v1/symbols?${query}`)
  assert.is(status, 400)
  assert.ok(text.length < 5_000, `${text.length}`)
})

test('accepts any text that can be a symbol', async () => {
  const symbols = [
    'KRAKEN:XBT/USD',
    'IC MARKETS:1',
    '__proto__',
    'constructor',
    '.',
    '..',
    '100%',
    '%41',
    'a?b#c&d=e',
    'Ünïcode',
    '😀',
    '<script>',
    'é'.repeat(64),
  ]
  await record(symbols.map((symbol) => trade({ symbol, price: '7' })))
  for (const symbol of symbols) {
    const { status, json } = await get(`/api/v1/trades/${escaped(symbol)}`)
    assert.is(status, 200, symbol)
    assert.ok(json.data.data.length > 0, symbol)
  }
})

test('refuses methods other than GET, HEAD and OPTIONS, naming those allowed', async () => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PURGE']) {
    for (const path of ['/api/v1/symbols', '/api/v1/trades/AAPL', '/docs', '/healthz']) {
      const answer = await get(path, { method })
      assert.is(answer.status, 405, `${method} ${path}`)
      assert.is(answer.json.error.code, 'METHOD_NOT_ALLOWED')
      assert.is(answer.headers.allow, 'GET, HEAD, OPTIONS')
    }
  }
  assert.is((await get('/nowhere', { method: 'POST' })).status, 404)
})

/** Encodes the dots too, which a URL parser would take for steps. */
const escaped = (symbol: string): string => encodeURIComponent(symbol).replaceAll('.', '%2E')

test.run()
