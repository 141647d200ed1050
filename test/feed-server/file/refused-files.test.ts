import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { readFailure } from '../../../src/feed-server/file/invalid.ts'
import { openRecordedTrades } from '../../../src/feed-server/recorded-trades.ts'
import { silent } from '../../support/silent.ts'
import { suite } from '../../support/suite.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { judgeFrame } from '../../support/trade-file.ts'

const test = suite('refused trade files')
const directory = temporaryDirectory()
let files = 0

function fileOf(content: string | Buffer): string {
  const path = join(directory, `trades-${files++}`)
  writeFileSync(path, content)
  return path
}

const open = (path: string, symbols: readonly string[] = []) =>
  openRecordedTrades({ path, speed: 1, symbols, judge: judgeFrame, logger: silent })

async function failureOf(path: string, symbols?: readonly string[]) {
  try {
    await open(path, symbols)
  } catch (error) {
    return error as { code?: string; message: string }
  }
  throw new Error('was opened')
}

const header = 'symbol,price,volume,timestamp_ms,conditions\n'
const at = 1763645583544
const good = `${header}AAPL,196.38,10,${at},\n`
const timed = (time: number | string) => `${header}AAPL,1,1,${time},\nAAPL,1,1,${time},\n`
const frame = (trade: object) => JSON.stringify({ data: [trade], type: 'trade' })
const cut = gzipSync(good).subarray(0, -12)

type Refused = readonly [what: string, content: string | Buffer, says: RegExp]

const refusedByIngest: readonly Refused[] = [
  [
    'has times in seconds',
    timed(1763645583),
    /line 2: timestamp_ms 1763645583 is before 2000.*Unix seconds, give milliseconds; none of the 2 rows/,
  ],
  ['has times in seconds with a fraction', timed('1381095255.1234'), /line 2: .*Unix seconds/],
  ['has times in microseconds', timed(at * 1000), /line 2: .*in the future.*Unix microseconds/],
  [
    'has times in nanoseconds',
    timed('1763645583544000123'),
    /line 2: timestamp_ms 1763645583544000123 has too many digits.*nanoseconds/,
  ],
  ['has dates as times', timed('20251120133303'), /line 2: .*looks like a date/],
  ['is of 1998', timed(883612800000), /line 2: .*before 2000: it is 1998-01-01T/],
  [
    'is of the future',
    timed(4102444800000),
    /line 2: .*in the future: it is 2100-01-01T.*clock says/,
  ],
  ['has negative volumes', `${header}\nBTC,5688,-0.35,${at},\n`, /line 3: negative volume -0.35/],
  [
    'has prices of endless digits',
    `${header}A,1.${'9'.repeat(500)},1,${at},\n`,
    /line 2: .*digits|line 2: price/,
  ],
  [
    'has conditions that are too long',
    `${header}A,1,1,${at},${'x'.repeat(2000)}\n`,
    /line 2: its conditions are longer/,
  ],
  [
    'has rows that are too large',
    `${header}A,1,1,${at},${'x'.repeat(1_500_000)}\n`,
    /line 2: it is larger than 1 MiB/,
  ],
  ['has frames without a volume', frame({ p: 1, s: 'AAPL', t: at }), /line 1: v is missing/],
  [
    'has frames with texts as volumes',
    frame({ p: 1, s: 'AAPL', t: at, v: '300' }),
    /line 1: v "300" is not a number: give it without quotes/,
  ],
  ['has frames without a symbol', frame({ p: 1, t: at, v: 1 }), /line 1: s is missing/],
  ['has frames without a time', frame({ p: 1, s: 'A', v: 1 }), /line 1: t is missing/],
  [
    'has frames with a text as time',
    frame({ p: 1, s: 'A', v: 1, t: `${at}` }),
    /line 1: t "\d+" is not a whole number: give it without quotes/,
  ],
  [
    'has frames with one text of conditions',
    frame({ p: 1, s: 'A', v: 1, t: at, c: '1' }),
    /line 1: c "1" is not a list/,
  ],
]

const withoutTrades: readonly Refused[] = [
  ['is empty', '', /the file is empty/],
  ['is blank', '\n \r\n', /the file is empty/],
  ['has only a header', header, /it has no trades: only a header/],
  ['has only pings', '{"type":"ping"}\n', /it has no trades: .*"ping"/],
  [
    'has messages of another exchange',
    '{"type":"match","price":"1"}\n',
    /no trades: .*"match".*"data"/,
  ],
]

const otherForms: readonly Refused[] = [
  [
    'has one JSON trade a line',
    `{"p":284.45,"s":"AAPL","t":${at},"v":300}\n`,
    /line 1: .*one JSON trade a line: a frame is \{"data":/,
  ],
  [
    'has such a line among frames',
    `{"type":"ping"}\n{"price":"1","symbol":"A"}`,
    /line 2: .*one JSON trade a line/,
  ],
  [
    'is a copy made by tradelog',
    '{"type":"TradelogLog","version":1,"partitions":6}\n',
    /line 1: .*npm run copy -- --from/,
  ],
  [
    'is a packed copy made by tradelog',
    gzipSync('{"type":"TradelogLog","version":1}\n'),
    /line 1: .*npm run copy/,
  ],
  [
    'is the end of such a copy',
    '{"partition":0,"offset":5,"recordedAt":1,"event":{}}',
    /line 1: .*npm run copy/,
  ],
  ['is a JSON array', '[{"p":1,"s":"AAPL"}]', /line 1: .*JSON array/],
  [
    'is a JSON array without an end in sight',
    `[${'{"p":1},'.repeat(500_000)}`,
    /JSON array|characters/,
  ],
  ['is JSON over several lines', '{\n  "data": [\n', /line 1: .*JSON over several lines/],
  ['is a zip file', Buffer.from('PK\x03\x04....'), /looks like a zip file: unpack it/],
  ['is a zstd file', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1]), /looks like a zstd file: unpack it/],
  ['was packed twice', gzipSync(gzipSync(good)), /compressed twice/],
  [
    'is a packed tar archive',
    gzipSync(Buffer.from(`${'a'.repeat(257)}ustar`)),
    /tar archive: unpack it/,
  ],
  ['is UTF-16', Buffer.from(`\ufeff${good}`, 'utf16le'), /UTF-16 text: save it as UTF-8/],
  ['is UTF-16 without a mark', Buffer.from(good, 'utf16le'), /UTF-16/],
  ['is a Parquet file', 'PAR1....', /Parquet file: write its trades as CSV/],
  ['is a binary file', Buffer.from([65, 66, 0, 67]), /binary file/],
  ['is a page of an error', '<html>', /HTML or XML/],
  [
    'has semicolons between its fields',
    good.replaceAll(',', ';'),
    /line 1: .*semicolons as separators instead of commas: expected the header symbol,price/,
  ],
  ['has tabs between its fields', good.replaceAll(',', '\t'), /line 1: .*tabs as separators/],
  ['has rows with semicolons', `${header}A;1;1;${at};\n`, /line 2: .*semicolons/],
  [
    'has another header',
    'id,price,qty,time,isBuyerMaker\n1,2,3,4,true\n',
    /line 1: .*other names \("id,price,qty/,
  ],
  [
    'has its columns in another order',
    'price,symbol,volume,timestamp_ms,conditions\n',
    /line 1: .*another order/,
  ],
  ['has no header', `1381095255,122.0,0.1\n`, /line 1: .*without a header: expected/],
  ['has a header twice', good + good, /line 3: the header again/],
  ['has carriage returns as line ends', good.replaceAll('\n', '\r'), /line 1: .*carriage returns/],
  ['is prose', 'hello\n', /line 1: neither the header/],
]

const wrongRows: readonly Refused[] = [
  ['lacks a field', `${good}AAPL,1,1,1381226348450\n`, /line 3: not five fields, but 4/],
  ['has a field too many', `${good}AAPL,1,1,1381226348450,a,b\n`, /line 3: not five fields, but 6/],
  ['has no symbol', `${good},1,1,1381226348450,\n`, /line 3: the symbol/],
  [
    'has a blank before a symbol',
    `${good}" IBM",1,1,${at},\n`,
    /line 3: the symbol " IBM" begins or ends with a blank/,
  ],
  [
    'has blanks after its commas',
    `${good}IBM, 1, 1, ${at},\n`,
    /line 3: the price " 1" begins or ends with a blank/,
  ],
  [
    'has quotes that are not those of CSV',
    `${good}'IBM',1,1,${at},\n`,
    /line 3: the symbol "'IBM'" begins or ends with a quote/,
  ],
  [
    'has symbols quoted twice',
    `${good}"""IBM""",1,1,${at},\n`,
    /line 3: the symbol .* begins or ends with a quote/,
  ],
  [
    'has brackets around symbols',
    `${good}[IBM],1,1,${at},\n`,
    /line 3: the symbol "\[IBM\]" begins or ends with a .*bracket/,
  ],
  ['has no price', `${good}AAPL,,1,1381226348450,\n`, /line 3: the price/],
  [
    'has a price that is no number',
    `${good}AAPL,1.,1,1381226348450,\n`,
    /line 3: the price.*both sides/,
  ],
  [
    'has a decimal comma',
    `${good}AAPL,"196,38",1,${at},\n`,
    /line 3: the price "196,38" is not a number: write it with a point/,
  ],
  ['has a volume that is no number', `${good}AAPL,1,NaN,1381226348450,\n`, /line 3: the volume/],
  ['has ISO 8601 times', `${header}A,1,1,2025-11-20T13:33:03Z,\n`, /line 2: .*ISO 8601 text/],
  [
    'has a rounded time',
    `${good}AAPL,1,1,1.76365E+12,\n`,
    /line 3: .*exponent: write all its digits/,
  ],
  ['has a time that JSON can not write', `${good}AAPL,1,1,0${at},\n`, /line 3: the timestamp_ms/],
  [
    'has a quote without an end',
    `${good}\n"AAPL,1,1,${at},\nIBM,1,1,${at},"1"\n`,
    /line 4: its quotes are broken/,
  ],
  ['has a quote inside a field', `${good}AA"PL,1,1,${at},\n`, /line 3: its quotes are broken/],
  ['has text after a quote', `${good}"AAPL"x,1,1,${at},\n`, /line 3: its quotes are broken/],
  ['has a field over two lines', `${good}"AA\nPL",1,1,${at},\n`, /line 3: its quotes are broken/],
  ['has a wrong row before broken quotes', `${good}AAPL,1\n"AAPL,1\n`, /line 3: not five fields/],
  [
    'is not UTF-8',
    Buffer.concat([Buffer.from(good), Buffer.from('A,1,1,1,\xe9\n', 'latin1')]),
    /line 3: it is not UTF-8/,
  ],
  ['is cut off gzip', cut, /after line \d+: the gzip file is cut off/],
  [
    'is damaged gzip',
    Buffer.concat([gzipSync(good).subarray(0, 40), Buffer.alloc(40, 7)]),
    /gzip file is damaged/,
  ],
  [
    'has a line without end',
    `${good}${'x'.repeat(3_000_000)}`,
    /line 3: it has more than \d+ characters/,
  ],
  ['has a broken frame', '{"type":"ping"}\n{"type":', /line 2: not a JSON object/],
  ['has a frame without trades', '{"type":"trade"}', /line 1: a trade frame without a list/],
  ['has an entry that is no trade', '{"type":"trade","data":[7]}', /line 1: a trade is not an/],
  [
    'has an entry of many digits',
    '{"type":"trade","data":[12345678901234567890]}',
    /line 1: a trade is not an/,
  ],
  ['has a line that is no frame', '{"type":"ping"}\n{"a":1}', /line 2: no Finnhub frame/],
]

const refused = [...refusedByIngest, ...withoutTrades, ...otherForms, ...wrongRows]

for (const [what, content, message] of refused) {
  test(`a file that ${what} is refused in one line before anything is played`, async () => {
    const path = fileOf(content)
    const error = await failureOf(path)
    assert.is(error.code, 'FEED_FILE_INVALID')
    assert.match(error.message, message)
    assert.ok(error.message.startsWith(path))
    assert.not.match(error.message, /\n/)
  })
}

for (const [what, path, message] of [
  ['absent file', join(directory, 'missing'), /there is no such file/],
  ['path through a file', join(fileOf(good), 'x'), /there is no such file/],
  ['name without end', join(directory, 'x'.repeat(300)), /there is no such file/],
  ['directory', directory, /it is a directory: name a file in it/],
  ['device', '/dev/null', /device/],
] as const) {
  test(`a ${what} is refused in words, not by an error number`, async () => {
    const error = await failureOf(path)
    assert.is(error.code, 'FEED_FILE_INVALID')
    assert.match(error.message, message)
    assert.ok(error.message.startsWith(path))
    assert.not.match(error.message, /E[A-Z]{4,}/)
  })
}

for (const code of ['EACCES', 'EPERM']) {
  test(`a file that this user may not read (${code}) is refused in words`, () => {
    const why = readFailure(Object.assign(new Error(`${code}: permission denied`), { code }))
    assert.match(why, /^this user may not read it: change its permissions/)
  })
}

const twoSymbols = `${good}MSFT,1,1,${at},\n`

for (const [symbol, says] of [
  ['aapl', /^file\.symbols: the file has no rows of aapl, did you mean AAPL\?; it has AAPL, MSFT/],
  ['IBM', /^file\.symbols: the file has no rows of IBM; it has AAPL, MSFT/],
] as const) {
  test(`file.symbols with ${symbol}, of which the file has no rows, is refused`, async () => {
    const error = await failureOf(fileOf(twoSymbols), ['MSFT', symbol])
    assert.is(error.code, 'CONFIG_INVALID')
    assert.match(error.message, says)
  })
}

test('of many symbols only some are named', async () => {
  const rows = Array.from({ length: 500 }, (_, i) => `S${i},1,1,${at},\n`)
  const { message } = await failureOf(fileOf(header + rows.join('')), ['AAPL'])
  assert.match(message, /S9, … \(500 in all\)/)
})

test('a file of which only the wanted symbols are refused is refused', async () => {
  const path = fileOf(`${good}MSFT,1,1,1763645583,\n`)
  const { message } = await failureOf(path, ['MSFT'])
  assert.match(message, /line 3: timestamp_ms 1763645583 is before 2000/)
})

test('a file is taken if a single row of it would be', async () => {
  const bad = `AAPL,1,-1,${at},\nAAPL,1,1,1763645583,\n`
  const { rows } = await open(fileOf(`${header}${bad.repeat(50)}AAPL,1,1,${at},\n${bad}`))
  assert.is(rows, 103)
})

test.run()
