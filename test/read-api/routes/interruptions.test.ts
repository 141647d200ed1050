import * as assert from 'uvu/assert'
import { startTestApi } from '../../support/read-api.ts'
import { suite } from '../../support/suite.ts'
import { interruption, trade } from '../../support/trade.ts'

const test = suite('GET /api/v1/interruptions/:symbol')
const { get, record, close } = await startTestApi()
test.after(close)

const at = Date.parse('2025-11-20T13:33:03.544Z')

test('gives the newest first, with its span and its reason', async () => {
  await record([
    interruption({ symbol: 'TWO', from: at, until: at + 1, reason: 'silent' }),
    interruption({ symbol: 'TWO', from: at + 5, until: at + 60_000, source: 'finnhub' }),
    interruption({ symbol: 'OTHER' }),
  ])
  const { json } = await get('/api/v1/interruptions/TWO')
  assert.equal(json.data, {
    data: [
      {
        from: '2025-11-20T13:33:03.549Z',
        until: '2025-11-20T13:34:03.544Z',
        reason: 'disconnected',
        source: 'finnhub',
      },
      {
        from: '2025-11-20T13:33:03.544Z',
        until: '2025-11-20T13:33:03.545Z',
        reason: 'silent',
        source: 'simulated',
      },
    ],
    pagination: { next_cursor: null },
  })
})

type Shown = Readonly<{ from: string; until: string | null; reason: string }>

/** Of all pages: from, until and reason, in milliseconds after `at`. */
async function walk(symbol: string, limit: number) {
  const seen: [from: number, until: number | null, reason: string][] = []
  for (let before = ''; ; ) {
    const { json } = await get(`/api/v1/interruptions/${symbol}?limit=${limit}${before}`)
    assert.ok(seen.length === 0 || json.data.data.length > 0, 'an empty page')
    seen.push(...json.data.data.map(spanOf))
    const { next_cursor: cursor } = json.data.pagination
    if (cursor === null) return seen
    before = `&before=${cursor}`
  }
}

const spanOf = ({ from, until, reason }: Shown): [number, number | null, string] => [
  Date.parse(from) - at,
  until === null ? null : Date.parse(until) - at,
  reason,
]

test('pages give each exactly once, also if many begin at one time', async () => {
  const many = Array.from({ length: 40 }, (_, i) =>
    interruption({ symbol: 'MANY', from: at + Math.floor(i / 7), until: at + 99, reason: `${i}` }),
  )
  await record(many)
  const seen = await walk('MANY', 6)
  assert.equal(
    seen.map(([, , reason]) => reason),
    many.map(({ reason }) => reason).reverse(),
  )
})

test('one that goes on has no end', async () => {
  await record([
    interruption({ symbol: 'ON', from: 0, until: at, reason: 'not listened before' }),
    interruption({ symbol: 'ON', from: at + 5, until: null }),
  ])
  const { json } = await get('/api/v1/interruptions/ON')
  assert.equal(
    json.data.data.map(({ from, until }: Shown) => [from, until]),
    [
      ['2025-11-20T13:33:03.549Z', null],
      ['1970-01-01T00:00:00.000Z', '2025-11-20T13:33:03.544Z'],
    ],
  )
})

test('one that was recorded while it went on is given once, with its end, in any page', async () => {
  const span = (from: number, until: number | null, reason: string) =>
    interruption({
      symbol: 'ENDED',
      from: at + from,
      until: until === null ? null : at + until,
      reason,
    })
  await record([
    ...[10, 20, 30].flatMap((from) => [
      span(from, null, `lost ${from}`),
      span(from, from + 5, `lost ${from}`),
    ]),
    // A kill while it goes on: the next ingest finds another beginning.
    span(40, null, 'disconnected'),
    span(43, 50, 'ingest not running'),
    span(60, 70, 'silent'),
  ])
  const expected = [
    [60, 70, 'silent'],
    [43, 50, 'ingest not running'],
    [40, 43, 'disconnected'],
    [30, 35, 'lost 30'],
    [20, 25, 'lost 20'],
    [10, 15, 'lost 10'],
  ]
  for (const limit of [1, 2, 3, 4, 5, 6, 100]) {
    assert.equal(await walk('ENDED', limit), expected, `by ${limit}`)
  }
  const { json } = await get(`/api/v1/interruptions/ENDED?before=${at + 42}&limit=1`)
  assert.equal(json.data.data.map(spanOf), [[40, 43, 'disconnected']])
})

test('before a Unix time gives those that began strictly before', async () => {
  const froms = [at + 1, at + 2, at + 3]
  await record(froms.map((from) => interruption({ symbol: 'B4', from, until: at + 3 })))
  const { json } = await get(`/api/v1/interruptions/B4?before=${at + 3}`)
  assert.equal(
    json.data.data.map(({ from }: Shown) => Date.parse(from)),
    [at + 2, at + 1],
  )
})

test('an empty page is an answer for a symbol that has trades; another is unknown', async () => {
  await record([trade({ symbol: 'NONE' })])
  const { json } = await get('/api/v1/interruptions/NONE')
  assert.equal(json.data, { data: [], pagination: { next_cursor: null } })
  const unknown = await get('/api/v1/interruptions/NOBODY')
  assert.equal([unknown.status, unknown.json.error.code], [404, 'SYMBOL_NOT_FOUND'])
})

test('refuses the cursor of another symbol, or of trades', async () => {
  await record([trade({ symbol: 'CUR' }), trade({ symbol: 'CUR' })])
  await record(['CUR', 'CUR2', 'CUR2'].map((symbol) => interruption({ symbol })))
  const cursorOf = async (path: string) => (await get(path)).json.data.pagination.next_cursor
  const other = await cursorOf('/api/v1/interruptions/CUR2?limit=1')
  const { status, json } = await get(`/api/v1/interruptions/CUR?before=${other}`)
  assert.equal([status, json.error.code], [400, 'INVALID_CURSOR'])
})

test.run()
