import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { openRecordedTrades } from '../../src/feed-server/recorded-trades.ts'
import { startFeedServer } from '../../src/feed-server/server.ts'
import { eventually } from '../support/eventually.ts'
import { silent } from '../support/silent.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { connectReader } from './feed-reader.ts'

const test = suite('recorded trades')
const header = 'symbol,price,volume,timestamp_ms,conditions\n'
const csv = `${header}AAPL,13.80,1000,1381226348450,2000;P
BINANCE:BTCUSDT,61837.63000000,0.02000000,1381226348451,
AAPL,13.83,500,1381226348449,2000;P
AAPL,13.83,500,1381226348449,2000;P
`

const directory = temporaryDirectory()
let files = 0

function fileOf(content: string | Buffer): string {
  const path = join(directory, `trades-${files++}`)
  writeFileSync(path, content)
  return path
}

type Play = { path: string; speed?: number | 'max'; symbols?: string[]; subscribe: string[] }

async function withPlay(
  { path, speed = 'max', symbols, subscribe }: Play,
  body: (reader: Awaited<ReturnType<typeof connectReader>>, hash: string) => Promise<void>,
) {
  const options = { path, speed, logger: silent, ...(symbols && { symbols }) }
  const source = await openRecordedTrades(options)
  const listen = { host: '127.0.0.1', port: 0, pingEveryMs: 10, logger: silent }
  const server = await startFeedServer({ ...listen, source })
  const reader = await connectReader(server.url, subscribe)
  try {
    await body(reader, source.hash)
  } finally {
    await reader.close()
    await server.close()
  }
}

const btc = 'BINANCE:BTCUSDT'
const all = ['AAPL', btc]

for (const [name, content] of [
  ['plain', csv],
  ['gzip', gzipSync(csv)],
  ['gzip in two members', Buffer.concat([gzipSync(csv.slice(0, 70)), gzipSync(csv.slice(70))])],
  ['with a byte order mark and CRLF', `\ufeff${csv.replaceAll('\n', '\r\n')}`],
  ['without a last line feed', csv.slice(0, -1)],
] as const) {
  test(`a CSV ${name} is played in its order, each trade with its row`, () =>
    withPlay({ path: fileOf(content), subscribe: all }, async (reader, hash) => {
      await eventually(() => reader.entries().length === 4)
      assert.equal(
        reader.entries().map(({ s, p, v, t, c, row }) => [row, s, p, v, t, c]),
        [
          [1, 'AAPL', 13.8, 1000, 1381226348450, ['2000', 'P']],
          [2, btc, 61837.63, 0.02, 1381226348451, null],
          [3, 'AAPL', 13.83, 500, 1381226348449, ['2000', 'P']],
          [4, 'AAPL', 13.83, 500, 1381226348449, ['2000', 'P']],
        ],
      )
      const frame = reader.frames().find(({ type }) => type === 'trade')
      assert.is(frame?.file, hash)
      assert.match(hash, /^[0-9a-f]{16}$/)
    }))
}

test('numbers are sent as the file has them', () =>
  withPlay({ path: fileOf(csv), subscribe: all }, async (reader) => {
    await eventually(() => reader.texts.some((text) => text.includes('"p":61837.63000000,')))
  }))

test('frames of a live feed are played trade by trade, numbered, other messages skipped', () => {
  const frames = [
    '{"type":"ping"}',
    '{"data":[{"p":1.0841,"s":"OANDA:EUR_USD","t":1718000000000,"v":0}],"type":"trade"}',
    '{"msg":"Invalid symbol","type":"error"}',
    '{"type":"trade","data":[{"c":["1"],"p":2,"s":"AAPL","t":5,"v":1},{"p":"x"}]}',
  ]
  const path = fileOf(frames.join('\n'))
  return withPlay({ path, subscribe: ['AAPL', 'OANDA:EUR_USD'] }, async (reader) => {
    await eventually(() => reader.entries().length === 3)
    assert.equal(reader.entries(), [
      { p: 1.0841, s: 'OANDA:EUR_USD', t: 1718000000000, v: 0, row: 1 },
      { c: ['1'], p: 2, s: 'AAPL', t: 5, v: 1, row: 2 },
      { p: 'x', row: 3 },
    ])
  })
})

test('the play waits until every symbol is subscribed', () =>
  withPlay({ path: fileOf(csv), subscribe: ['AAPL'] }, async (reader) => {
    const pings = reader.texts.length
    await eventually(() => reader.texts.length > pings + 3)
    assert.equal(reader.entries(), [])
    reader.subscribe(btc)
    await eventually(() => reader.entries().length === 4)
  }))

test('if symbols are named, the play waits for these, and sends what is subscribed', () =>
  withPlay({ path: fileOf(csv), symbols: [btc], subscribe: [btc] }, async (reader) => {
    await eventually(() => reader.entries().length === 1)
    assert.is(reader.entries()[0]?.row, 2)
  }))

test('a file is played once, and the client stays connected', () =>
  withPlay({ path: fileOf(csv), subscribe: all }, async (reader) => {
    await eventually(() => reader.entries().length === 4)
    reader.subscribe('AAPL')
    const pings = reader.texts.length
    await eventually(() => reader.texts.length > pings + 3)
    assert.is(reader.entries().length, 4)
  }))

test('a speed keeps the distances of the trades', async () => {
  const begin = performance.now()
  const rows = [0, 400, 800].map((ms) => `AAPL,1,1,${1_381_226_000_000 + ms},\n`)
  await withPlay(
    { path: fileOf(header + rows.join('')), speed: 4, subscribe: ['AAPL'] },
    async (reader) => {
      await eventually(() => reader.entries().length === 3)
      const tookMs = performance.now() - begin
      assert.ok(tookMs > 190, `800 ms at 4× took ${tookMs} ms`)
    },
  )
})

const wrong: readonly (readonly [string, string | Buffer, RegExp])[] = [
  ['is empty', '', /the file is empty/],
  ['has another header', 'a,b,c\n', /line 1: neither the header/],
  ['lacks a field', `${csv}AAPL,1,1,1381226348450\n`, /line 6: not five fields/],
  ['has a field too many', `${csv}AAPL,1,1,1381226348450,a,b\n`, /line 6: not five fields/],
  ['has no symbol', `${csv},1,1,1381226348450,\n`, /line 6: the symbol/],
  ['has no price', `${csv}AAPL,,1,1381226348450,\n`, /line 6: the price/],
  ['has a price that is no number', `${csv}AAPL,1.,1,1381226348450,\n`, /line 6: the price/],
  ['has a volume that is no number', `${csv}AAPL,1,NaN,1381226348450,\n`, /line 6: the volume/],
  ['has a fractional time', `${csv}AAPL,1,1,1.5,\n`, /line 6: timestamp_ms/],
  ['is not UTF-8', Buffer.concat([Buffer.from(csv), Buffer.from([0xff])]), /after line 0: .*valid/],
  ['is cut off gzip', gzipSync(csv).subarray(0, -12), /unexpected end of file/],
  ['has a line without end', `${header}${'x'.repeat(3_000_000)}`, /a line is too long/],
  ['has a broken frame', '{"type":"ping"}\n{"type":', /line 2: not a JSON object/],
  ['has a frame without trades', '{"type":"trade"}', /line 1: a trade frame without a list/],
  ['has an entry that is no trade', '{"type":"trade","data":[7]}', /line 1: a trade is not an/],
]

async function failureOf(path: string): Promise<{ code?: string; message: string }> {
  try {
    await openRecordedTrades({ path, speed: 1, logger: silent })
  } catch (error) {
    return error as Error
  }
  throw new Error('was opened')
}

for (const [what, content, message] of wrong) {
  test(`a file that ${what} is refused by name and line before anything is played`, async () => {
    const path = fileOf(content)
    const error = await failureOf(path)
    assert.is(error.code, 'FEED_FILE_INVALID')
    assert.match(error.message, message)
    assert.ok(error.message.startsWith(path))
  })
}

test('an absent file is refused', async () => {
  const error = await failureOf(join(directory, 'missing'))
  assert.is(error.code, 'FEED_FILE_INVALID')
})

test('a file that changes after it was checked is not played', async () => {
  const path = fileOf(csv)
  await withPlay({ path, subscribe: ['AAPL'] }, async (reader) => {
    appendFileSync(path, 'AAPL,1,1,1381226348450,\n')
    reader.subscribe(btc)
    await eventually(() => reader.socket.readyState === reader.socket.CLOSED)
    assert.equal(reader.entries(), [])
  })
})

test('a large file for a slow client is not held in memory', async () => {
  const rows = 100_000
  const lines = Array.from(
    { length: rows },
    (_, i) => `AAPL,${i}.5,1,1381226348450,${'c'.repeat(40)}\n`,
  )
  const path = fileOf(gzipSync(header + lines.join('')))
  await withPlay({ path, subscribe: ['AAPL'] }, async (reader) => {
    let count = 0
    reader.socket.removeAllListeners('message')
    reader.socket.on('message', (text) => {
      count += JSON.parse(String(text)).data?.length ?? 0
      reader.socket.pause()
      setImmediate(() => reader.socket.resume())
    })
    await eventually(() => count === rows)
  })
})

test.run()
