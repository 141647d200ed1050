import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { type MessageContext, parseMessage } from '../../../../src/ingest/feeds/finnhub/message.ts'
import { suite } from '../../../support/suite.ts'

const test = suite('Finnhub message')

const now = 1_763_645_583_544
const live: MessageContext = { now, source: 'finnhub' }
const parse = (message: unknown, context = live) =>
  parseMessage(
    Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)),
    context,
  )
const good = { c: ['1', '12'], p: 196.38, s: 'AAPL', t: now, v: 265 }

test('a trade becomes an event, word for word', () => {
  const { kind, trades, rejected } = parse({ data: [good], type: 'trade' })
  assert.is(kind, 'trade')
  assert.equal(rejected, [])
  assert.equal(trades, [
    {
      type: 'TradeExecuted',
      version: 1,
      symbol: 'AAPL',
      price: '196.38',
      volume: '265',
      executedAt: now,
      conditions: ['1', '12'],
      source: 'finnhub',
    },
  ])
})

const taken: readonly (readonly [string, object, object])[] = [
  ['no conditions', { c: undefined }, { conditions: [] }],
  ['conditions of null', { c: null }, { conditions: [] }],
  ['an empty list of conditions', { c: [] }, { conditions: [] }],
  ['conditions in no order', { c: ['1', '8', '24', '12'] }, { conditions: ['1', '8', '24', '12'] }],
  ['conditions of 1 KiB', { c: ['x'.repeat(1023)] }, { conditions: ['x'.repeat(1023)] }],
  ['a price of 0', { p: 0 }, { price: '0' }],
  ['a price below 0, as oil had', { p: -37.63 }, { price: '-37.63' }],
  ['a tiny volume', { v: 1e-8 }, { volume: '0.00000001' }],
  ['a volume of 0, as forex has', { v: 0 }, { volume: '0' }],
  ['a volume of minus zero', { v: -0 }, { volume: '0' }],
  ['a huge price', { p: 1e21 }, { price: '1000000000000000000000' }],
  ['the first moment of 2000', { t: 946_684_800_000 }, { executedAt: 946_684_800_000 }],
  ['a time one minute ahead', { t: now + 60_000 }, { executedAt: now + 60_000 }],
  ['a symbol with space and colon', { s: 'IC MARKETS:1' }, { symbol: 'IC MARKETS:1' }],
  ['a symbol with a slash', { s: 'KRAKEN:XBT/USD' }, { symbol: 'KRAKEN:XBT/USD' }],
  ['a symbol of JavaScript', { s: '__proto__' }, { symbol: '__proto__' }],
  ['a symbol of 128 bytes', { s: `${'€'.repeat(42)}AB` }, { symbol: `${'€'.repeat(42)}AB` }],
  ['an emoji as a symbol', { s: '😀' }, { symbol: '😀' }],
]

for (const [what, change, expected] of taken) {
  test(`takes ${what}`, () => {
    const { trades, rejected } = parse({ data: [{ ...good, ...change }], type: 'trade' })
    assert.equal(rejected, [])
    assert.equal({ ...trades[0], ...expected }, trades[0])
  })
}

const refused: readonly (readonly [string, unknown, string])[] = [
  ['null', null, 'trade_not_an_object'],
  ['a number', 7, 'trade_not_an_object'],
  ['a list', [good], 'trade_not_an_object'],
  ['no symbol', { ...good, s: undefined }, 'invalid_symbol'],
  ['an empty symbol', { ...good, s: '' }, 'invalid_symbol'],
  ['a number as symbol', { ...good, s: 7 }, 'invalid_symbol'],
  ['a symbol of 129 bytes', { ...good, s: '€'.repeat(43) }, 'invalid_symbol'],
  ['a control character', { ...good, s: 'A\u0000B' }, 'invalid_symbol'],
  ['DEL', { ...good, s: 'A\u007f' }, 'invalid_symbol'],
  ['a C1 control character', { ...good, s: 'A\u0085' }, 'invalid_symbol'],
  ['half of a surrogate pair', { ...good, s: 'A\ud800' }, 'invalid_symbol'],
  ['no price', { ...good, p: undefined }, 'invalid_price'],
  ['a price of null', { ...good, p: null }, 'invalid_price'],
  ['a price as text', { ...good, p: '196.38' }, 'invalid_price'],
  ['no volume', { ...good, v: undefined }, 'invalid_volume'],
  ['a volume below 0', { ...good, v: -1e-9 }, 'invalid_volume'],
  ['no time', { ...good, t: undefined }, 'time_not_an_integer'],
  ['a fractional time', { ...good, t: now + 0.5 }, 'time_not_an_integer'],
  ['a time as text', { ...good, t: String(now) }, 'time_not_an_integer'],
  ['a time beyond exact numbers', { ...good, t: 2 ** 53 }, 'time_not_an_integer'],
  ['a time in seconds', { ...good, t: Math.floor(now / 1000) }, 'time_before_2000'],
  ['a time before 2000', { ...good, t: 946_684_799_999 }, 'time_before_2000'],
  ['a time over a minute ahead', { ...good, t: now + 60_001 }, 'time_in_the_future'],
  ['conditions as text', { ...good, c: '1,12' }, 'invalid_conditions'],
  ['a number among conditions', { ...good, c: ['1', 12] }, 'invalid_conditions'],
  ['null among conditions', { ...good, c: [null] }, 'invalid_conditions'],
  ['half a character among conditions', { ...good, c: ['\ud83d'] }, 'invalid_conditions'],
  ['conditions over 1 KiB', { ...good, c: ['x'.repeat(1024)] }, 'conditions_too_long'],
  ['countless empty conditions', { ...good, c: Array(1025).fill('') }, 'conditions_too_long'],
]

for (const [what, entry, reason] of refused) {
  test(`rejects ${what} by "${reason}", and its neighbours live on`, () => {
    const { trades, rejected } = parse({ data: [good, entry, good], type: 'trade' })
    assert.is(trades.length, 2)
    assert.equal(
      rejected.map((reject) => reject.reason),
      [reason],
    )
  })
}

/** A frame of one trade, with a number as the feed writes it. */
const written = (field: 'p' | 'v' | 't', number: string): string =>
  JSON.stringify({ data: [{ ...good, [field]: '#' }], type: 'trade' }).replace('"#"', number)

const exactNumbers: Readonly<Record<string, string>> = {
  '3526246938.98713386': '3526246938.98713386',
  '284578000.00000004': '284578000.00000004',
  '9007199254740993': '9007199254740993',
  '123456789012345678901234567890': '123456789012345678901234567890',
  '0.123456789012345678901234567890': '0.12345678901234567890123456789',
  '0.00000000172': '0.00000000172',
  '0.30000000000000004': '0.30000000000000004',
  '1.5e-7': '0.00000015',
  '1E5': '100000',
  '0.1': '0.1',
  '1.10': '1.1',
  '-0': '0',
  '0e-999999999': '0',
}

for (const [number, text] of Object.entries(exactNumbers)) {
  test(`records the price and the volume ${number} as ${text}`, () => {
    assert.is(parse(written('p', number)).trades[0]?.price, text)
    assert.is(parse(written('v', number)).trades[0]?.volume, text)
  })
}

for (const number of ['1e-400', '1e400', '1e999999999', '-1e-999999999', '7'.repeat(101)]) {
  test(`rejects ${number.slice(0, 14)} by name, with all its digits, and never records 0`, () => {
    for (const [field, reason] of Object.entries({ p: 'price_too_long', v: 'volume_too_long' })) {
      const { trades, rejected } = parse(written(field as 'p' | 'v', number))
      assert.equal(trades, [])
      assert.is(rejected[0]?.reason, reason)
      assert.ok(rejected[0]?.text.includes(`"${field}":${number}`), rejected[0]?.text)
    }
  })
}

test('a time is a whole number, however it is written, within what is exact', () => {
  for (const time of [`${now}`, `${now}.0`, `${now}.00000000000`, '1.763645583544e12']) {
    assert.is(parse(written('t', time)).trades[0]?.executedAt, now)
  }
  for (const time of ['9007199254740993', '1e-400', `${now}.00000000001`, '1e999999999']) {
    assert.is(parse(written('t', time)).rejected[0]?.reason, 'time_not_an_integer')
  }
})

test('a number that no double holds is nothing but a number', () => {
  const long = '1234567890.12345678901'
  const trade = (fields: string) => parse(`{"data":[${fields}],"type":"trade"}`).rejected[0]
  assert.is(trade(long)?.reason, 'trade_not_an_object')
  assert.is(
    trade(JSON.stringify({ ...good, s: 0 }).replace(':0', `:${long}`))?.reason,
    'invalid_symbol',
  )
  assert.is(trade(`{"s":"A","p":${long},"v":"${long}","t":${now}}`)?.reason, 'invalid_volume')
  assert.is(parse(long).rejected[0]?.reason, 'message_not_an_object')
  assert.is(parse(`{"type":"error","msg":[${long}]}`).error, `[${long}]`)
})

test('one long number in a frame changes nothing for its neighbours', () => {
  const long = written('v', '3526246938.98713386').slice(
    '{"data":['.length,
    -'],"type":"trade"}'.length,
  )
  const other = JSON.stringify({ ...good, c: ['1e5', '"', '\\'], s: 'Ü:1e5' })
  const alone = parse(`{"data":[${other}],"type":"trade"}`)
  const { trades, rejected } = parse(`{"data":[${other},${long},null,${other}],"type":"trade"}`)
  assert.equal([trades[0], trades[2]], [alone.trades[0], alone.trades[0]])
  assert.equal(
    rejected.map(({ reason }) => reason),
    ['trade_not_an_object'],
  )
})

const messages: readonly (readonly [string, string | Buffer, string])[] = [
  ['an empty message', '', 'message_not_json'],
  ['half a message', '{"data":[{"p":1', 'message_not_json'],
  ['NaN', 'NaN', 'message_not_json'],
  ['null', 'null', 'message_not_an_object'],
  ['a list', '[]', 'message_not_an_object'],
  ['text', '"trade"', 'message_not_an_object'],
  ['an object without a type', '{}', 'message_of_unknown_type'],
  ['an unknown type', '{"type":"news","data":[]}', 'message_of_unknown_type'],
  ['trades without a list', '{"type":"trade"}', 'trades_not_a_list'],
  ['trades of null', '{"type":"trade","data":null}', 'trades_not_a_list'],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'message_not_utf8'],
  ['over 1 MiB', `{"type":"trade","data":[${' '.repeat(1024 * 1024)}]}`, 'message_too_large'],
  ['deep nesting', '['.repeat(200_000), 'message_not_json'],
  [
    'deep nesting around a long number',
    `{"a":${'['.repeat(200_000)}1e-400${']'.repeat(200_000)}}`,
    'message_nested_too_deeply',
  ],
]

for (const [what, message, reason] of messages) {
  test(`rejects ${what} by "${reason}"`, () => {
    const { trades, rejected } = parseMessage(Buffer.from(message), live)
    assert.equal(trades, [])
    assert.is(rejected.length, 1)
    assert.is(rejected[0]?.reason, reason)
    assert.type(rejected[0]?.text, 'string')
  })
}

test('survives a trade that is nested deeper than the stack', () => {
  const depth = 500_000
  const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`
  const text = `{"data":[${JSON.stringify(good)},${deep}],"type":"trade"}`
  const { trades, rejected } = parse(text)
  assert.is(trades.length, 1)
  assert.equal(
    rejected.map(({ reason, text }) => [reason, text]),
    [['trade_not_an_object', 'nested too deeply to be shown']],
  )
})

test('only a file has an end', () => {
  const end = { type: 'end', file: '0123456789abcdef' }
  const played = parse(end, { now, source: 'file' })
  assert.equal(played, { kind: 'end', trades: [], rejected: [] })
  assert.is(parse(end).kind, 'other')
  assert.is(parse(end).rejected[0]?.reason, 'message_of_unknown_type')
})

test('pings and errors are no rejects', () => {
  assert.equal(parse({ type: 'ping' }), { kind: 'ping', trades: [], rejected: [] })
  const error = parse({ msg: 'Invalid symbol', type: 'error' })
  assert.equal([error.kind, error.error, error.rejected], ['error', 'Invalid symbol', []])
  assert.is(parse({ type: 'error' }).error, '{"type":"error"}')
})

test('equal trades in one frame, and equal frames, are trades each', () => {
  const frame = { type: 'trade', data: [good, good] }
  assert.is(parse(frame).trades.length + parse(frame).trades.length, 4)
})

test('a trade of a file is named by the file and its row', () => {
  const hash = '0123456789abcdef'
  const frame = { data: [{ ...good, row: 7 }], type: 'trade', file: hash }
  const file: MessageContext = { now, source: 'file' }
  assert.is(parse(frame, file).trades[0]?.source, `file:${hash}:7`)
  assert.is(parse(frame).trades[0]?.source, 'finnhub')
  for (const row of [0, -1, 1.5, '7', undefined]) {
    const wrong = parse({ ...frame, data: [{ ...good, row }] }, file)
    assert.is(wrong.rejected[0]?.reason, 'invalid_row')
  }
  assert.is(parse({ ...frame, file: '../x' }, file).rejected[0]?.reason, 'invalid_row')
})

test('never throws, whatever the bytes', () => {
  const bytes = fc.oneof(
    fc.uint8Array().map((array) => Buffer.from(array)),
    fc.json().map((text) => Buffer.from(text)),
    fc.string().map((text) => Buffer.from(text)),
  )
  fc.assert(
    fc.property(bytes, (message) => {
      const { trades, rejected } = parseMessage(message, live)
      assert.equal(trades, [])
      assert.ok(rejected.length <= 1)
    }),
  )
})

test('judges every entry alone: each is a trade or a reject, good ones always trades', () => {
  const odd = fc.anything()
  const damaged = fc
    .record({ c: odd, p: odd, s: odd, t: odd, v: odd }, { requiredKeys: [] })
    .map((fields) => ({ ...good, ...fields }))
  const entries = fc.array(fc.oneof(fc.constant(good), odd, damaged))
  fc.assert(
    fc.property(entries, (data) => {
      const text = JSON.stringify({ data, type: 'trade' }, (_, value) =>
        typeof value === 'bigint' ? String(value) : value,
      )
      const { trades, rejected } = parse(text)
      const goodOnes = data.filter((entry) => entry === good).length
      assert.is(trades.length + rejected.length, data.length)
      assert.ok(trades.length >= goodOnes)
    }),
  )
})

const recorded = join(process.env.TRADELOG_TEST_DATA ?? '', 'finnhub-frames.jsonl')

if (process.env.TRADELOG_TEST_DATA && existsSync(recorded)) {
  test('recorded frames: the trades that are in them, no more, no less', () => {
    const lines = readFileSync(recorded, 'utf8').split('\n').filter(Boolean)
    for (const line of lines) {
      const { trades, rejected } = parse(line, { ...live, now: Date.now() })
      const data: (typeof good)[] = JSON.parse(line).data ?? []
      assert.equal(rejected, [])
      assert.equal(
        trades.map(({ symbol, price, volume, executedAt, conditions }) => [
          symbol,
          Number(price),
          Number(volume),
          executedAt,
          conditions,
        ]),
        data.map(({ s, p, v, t, c }) => [s, p, v, t, c ?? []]),
      )
      for (const { price } of trades) assert.ok(line.includes(`"p":${price},`))
    }
    assert.ok(lines.length > 0)
  })
} else {
  test.skip('recorded frames', 'TRADELOG_TEST_DATA names no folder with them')
}

test.run()
