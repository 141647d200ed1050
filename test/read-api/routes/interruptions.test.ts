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

test('pages give each exactly once, also if many end at one time', async () => {
  const many = Array.from({ length: 40 }, (_, i) =>
    interruption({ symbol: 'MANY', from: at, until: at + 10 + Math.floor(i / 7), reason: `${i}` }),
  )
  await record(many)
  const seen: string[] = []
  for (let before = ''; ; ) {
    const { json } = await get(`/api/v1/interruptions/MANY?limit=6${before}`)
    seen.push(...json.data.data.map(({ reason }: { reason: string }) => reason))
    const { next_cursor: cursor } = json.data.pagination
    if (cursor === null) break
    before = `&before=${cursor}`
  }
  assert.equal(seen, many.map(({ reason }) => reason).reverse())
})

test('before a Unix time gives those that ended strictly before', async () => {
  const untils = [at + 1, at + 2, at + 3]
  await record(untils.map((until) => interruption({ symbol: 'B4', from: at, until })))
  const { json } = await get(`/api/v1/interruptions/B4?before=${at + 3}`)
  assert.equal(
    json.data.data.map(({ until }: { until: string }) => Date.parse(until)),
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
