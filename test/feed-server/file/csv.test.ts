import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { tradesOfFile } from '../../../src/feed-server/file/trade-file.ts'
import { suite } from '../../support/suite.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const test = suite('CSV of trades')
const directory = temporaryDirectory()
const header = 'symbol,price,volume,timestamp_ms,conditions'
const at = 1763645583544

async function entriesOf(text: string) {
  const path = join(directory, 'trades.csv')
  writeFileSync(path, text)
  const entries: Record<string, unknown>[] = []
  for await (const trades of tradesOfFile(path)) {
    entries.push(...trades.map(({ entry }) => JSON.parse(entry)))
  }
  return entries
}

const fields: readonly (readonly [name: string, row: string, s: string, c: string[] | null])[] = [
  ['plain fields', `AAPL,1,2,${at},1;12`, 'AAPL', ['1', '12']],
  ['a quoted symbol', `"AAPL",1,2,${at},`, 'AAPL', null],
  ['quoted conditions', `AAPL,1,2,${at},"1;12"`, 'AAPL', ['1', '12']],
  ['every field quoted', `"AAPL","1","2","${at}",""`, 'AAPL', null],
  ['a comma inside quotes', `"BRK,B",1,2,${at},"a,b;c"`, 'BRK,B', ['a,b', 'c']],
  ['quotes inside quotes', `"IC ""MARKETS"":1",1,2,${at},`, 'IC "MARKETS":1', null],
  ['a carriage return at its end', `"AAPL",1,2,${at},"1"\r`, 'AAPL', ['1']],
  ['blanks inside a symbol and conditions', `IC M:1,1,2,${at}, T;@ `, 'IC M:1', [' T', '@ ']],
]

for (const [name, row, s, c] of fields) {
  test(`a row with ${name} is read as CSV`, async () => {
    const entries = await entriesOf(`${header}\n${row}\n`)
    assert.equal(entries, [{ c, p: 1, s, t: at, v: 2, row: 1, line: 2 }])
  })
}

test('rows with and without quotes keep their order, their rows and their lines', async () => {
  const row = (i: number) => (i % 3 === 0 ? `"S",${i},1,${at},\n` : `S,${i},1,${at},\n`)
  const rows = Array.from({ length: 9_000 }, (_, i) => row(i) + (i % 10 === 0 ? '\n' : ''))
  const entries = await entriesOf(`${header}\n${rows.join('')}`)
  assert.is(entries.length, rows.length)
  const wrong = entries.filter(
    ({ s, p, row, line }, i) =>
      s !== 'S' || p !== i || row !== i + 1 || line !== i + 2 + Math.ceil(i / 10),
  )
  assert.equal(wrong, [])
})

for (const [name, first] of [
  [
    'in quotes',
    header
      .split(',')
      .map((column) => `"${column}"`)
      .join(','),
  ],
  ['with a byte order mark', `\ufeff${header}`],
  ['in quotes with a byte order mark', `\ufeff"symbol",${header.slice(7)}`],
  ['after blank lines', `\n\r\n${header}`],
] as const) {
  test(`a header ${name} is one`, async () => {
    const entries = await entriesOf(`${first}\nAAPL,1,1,${at},`)
    assert.is(entries.length, 1)
  })
}

test.run()
