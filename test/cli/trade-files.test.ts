import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { tradeCounts } from '../support/api-client.ts'
import { eventually } from '../support/eventually.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runTradelog, type Settings, startTradelog } from '../support/tradelog.ts'

const test = suite('trade files on the command line')
const directory = temporaryDirectory()
const header = 'symbol,price,volume,timestamp_ms,conditions\n'
const at = 1763645583544

function fileOf(name: string, content: string): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

const seconds = fileOf('seconds.csv', `${header}AAPL,196.38,10,1763645583,\n`)
const good = fileOf('good.csv', `${header}AAPL,196.38,10,${at},\n`)

const settingsOf = (path: string): Settings => ({
  FEED: 'file',
  FILE__PATH: path,
  FILE__SPEED: 'max',
  API_PORT: '0',
  DATA_DIRECTORY: temporaryDirectory(),
  LOG__LEVEL: 'silent',
})

const secondsRefused =
  /FEED_FILE_INVALID: .*seconds\.csv, line 2: .*Unix seconds, give milliseconds/

for (const [what, args, settings, says] of [
  ['start with times in seconds', ['start'], settingsOf(seconds), secondsRefused],
  ['ingest with times in seconds', ['ingest'], settingsOf(seconds), secondsRefused],
  ['feed with times in seconds', ['feed', '--file', seconds], {}, secondsRefused],
  ['start with a directory', ['start'], settingsOf(directory), /is a directory: name a file/],
  ['feed with a directory', ['feed', '--file', directory], {}, /is a directory: name a file/],
  ['feed with an absent file', ['feed', '--file', '/no/such.csv'], {}, /such\.csv: there is no/],
  ['feed without a path', ['feed', '--file', ''], {}, /must name a file|file\.path must be set/],
  [
    'start with symbols that the file lacks',
    ['start'],
    { ...settingsOf(good), FILE__SYMBOLS: 'aapl' },
    /CONFIG_INVALID: file\.symbols: the file has no rows of aapl, did you mean AAPL\?/,
  ],
] as const) {
  test(`${what} ends with 2 and one line`, async () => {
    const { code, stderr } = await runTradelog(args, { ...settings, LOG__LEVEL: 'silent' })
    assert.is(code, 2, stderr)
    assert.match(stderr, says)
    assert.is(stderr.trim().split('\n').length, 1, stderr)
  })
}

/** The trades of each symbol, once so many of them are in the read model. */
async function played(path: string, wanted: number) {
  const tradelog = startTradelog(['start'], settingsOf(path))
  const address = await tradelog.address()
  let counts: ReadonlyMap<string, number> = new Map()
  const isAll = async () => {
    counts = await tradeCounts(address)
    return [...counts.values()].reduce((sum, count) => sum + count, 0) >= wanted
  }
  await eventually(isAll, { timeoutMs: 30_000, everyMs: 100 })
  await tradelog.kill('SIGTERM')
  return [...counts]
}

test('quoted fields of a file are the same symbol as plain ones', async () => {
  const rows = `"AAPL",196.38,10,${at},"1;12"\nAAPL,196.39,10,${at + 1},1;12\n`
  assert.equal(await played(fileOf('quoted.csv', header + rows), 2), [['AAPL', 2]])
})

test('a row that is too large takes none of its neighbours with it', async () => {
  const rowOf = (conditions: string) => `AAPL,1,1,${at},${conditions}\n`
  const small = rowOf('').repeat(49)
  const rows = `${small}${rowOf('x'.repeat(1_500_000))}${small}`
  assert.equal(await played(fileOf('large.csv', header + rows), 98), [['AAPL', 98]])
})

test('a file with some bad rows is played without them', async () => {
  const rows = `AAPL,5688.61834032,0.35,${at},\nAAPL,5688,-0.35,${at + 1},\nAAPL,1,1,${at},\n`
  assert.equal(await played(fileOf('negative.csv', header + rows), 2), [['AAPL', 2]])
})

test.run()
