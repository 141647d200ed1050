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
import { judgeFrame } from '../support/trade-file.ts'
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

type Play = {
  path: string
  speed?: number | 'max'
  symbols?: string[]
  announcesEnd?: boolean
  subscribe: string[]
}

async function withPlay(
  { path, speed = 'max', symbols, announcesEnd = false, subscribe }: Play,
  body: (reader: Awaited<ReturnType<typeof connectReader>>, hash: string) => Promise<void>,
) {
  const options = { path, speed, judge: judgeFrame, announcesEnd, logger: silent }
  const source = await openRecordedTrades({ ...options, ...(symbols && { symbols }) })
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

test('digits that no double holds are sent as they are, from CSV and from frames', async () => {
  const trade = '"p":284578000.00000004,"s":"A","t":1763645583544,"v":3526246938.98713386'
  const csv = `${header}A,284578000.00000004,3526246938.98713386,1763645583544,\n`
  for (const content of [csv, `{"data":[{${trade}}],"type":"trade"}`]) {
    await withPlay({ path: fileOf(content), subscribe: ['A'] }, async (reader) => {
      await eventually(() => reader.texts.some((text) => text.includes(`${trade},"row":1,`)))
    })
  }
})

test('what a recorded frame says of rows and lines does not count', () => {
  const trade = '{"p":1,"s":"A","t":1763645583544,"v":1,"row":77,"line":9}'
  const path = fileOf(`{"data":[${trade}],"type":"trade"}`)
  return withPlay({ path, subscribe: ['A'] }, async (reader) => {
    await eventually(() => reader.entries().length === 1)
    assert.is(reader.entries()[0]?.row, 1)
  })
})

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
      { p: 1.0841, s: 'OANDA:EUR_USD', t: 1718000000000, v: 0, row: 1, line: 2 },
      { c: ['1'], p: 2, s: 'AAPL', t: 5, v: 1, row: 2, line: 4 },
      { p: 'x', row: 3, line: 4 },
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

for (const announcesEnd of [true, false]) {
  test(`the end of the file is ${announcesEnd ? '' : 'not '}announced ${announcesEnd ? 'to our ingest' : 'to other clients'}`, () =>
    withPlay({ path: fileOf(csv), announcesEnd, subscribe: all }, async (reader, hash) => {
      await eventually(() => reader.entries().length === 4)
      const pings = reader.texts.length
      await eventually(() => reader.texts.length > pings + 3)
      const types = reader.frames().filter(({ type }) => type !== 'ping')
      const end = announcesEnd ? [{ type: 'end', file: hash }] : []
      assert.equal(types.slice(1), end)
    }))
}

test('large rows are sent in frames that ingest can receive, the largest alone', () => {
  const rowOf = (price: number, characters: number) =>
    `A,${price},1,1763645583544,${'é'.repeat(characters)}\n`
  const large = Array.from({ length: 98 }, (_, i) => rowOf(i, 100_000))
  const rows = [rowOf(-1, 1), ...large.slice(0, 50), rowOf(1_000, 2_000_000), ...large.slice(50)]
  return withPlay({ path: fileOf(header + rows.join('')), subscribe: ['A'] }, async (reader) => {
    await eventually(() => reader.entries().length === 100)
    const frames = reader.texts.filter((text) => text.includes('"trade"'))
    const tooLarge = frames.filter((text) => Buffer.byteLength(text) > 1024 * 1024)
    assert.equal(
      tooLarge.map((text) => JSON.parse(text).data.map(({ p }: { p: number }) => p)),
      [[1_000]],
    )
  })
})

test('a row whose time will be refused makes no other row wait for years', () => {
  const times = ['1763645583', '1763645583544', '1763645583545000', '1763645583546']
  const rows = times.map((time, i) => `A,${i},1,${time},\n`)
  const path = fileOf(header + rows.join(''))
  return withPlay({ path, speed: 1, subscribe: ['A'] }, async (reader) => {
    await eventually(() => reader.entries().length === 4)
  })
})

test('a file of more symbols than a client may usually subscribe to is played', () => {
  const symbols = Array.from({ length: 10_050 }, (_, i) => `S${i}`)
  const path = fileOf(header + symbols.map((symbol) => `${symbol},1,1,1763645583544,\n`).join(''))
  return withPlay({ path, subscribe: symbols }, async (reader) => {
    await eventually(() => reader.entries().length === symbols.length)
  })
})

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
