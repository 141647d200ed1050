import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { rejectLine } from '../../src/cli/reject-lines.ts'
import { startScriptedFeed } from '../ingest/scripted-feed.ts'
import { eventually } from '../support/eventually.ts'
import { embeddedStores } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import { mainProgram, runTradelog, type Settings, startTradelog } from '../support/tradelog.ts'

const test = suite('tradelog rejects')

const reject = (i: number, fields: object = {}) => ({
  at: `2026-12-01T10:00:0${i}.000Z`,
  source: 'finnhub',
  reason: 'invalid_price',
  text: `{"i":${i}}`,
  ...fields,
})

/** Settings of a data directory with these lines of rejects. */
function settingsWith(lines: readonly unknown[]): Settings {
  const settings = embeddedStores()
  const folder = join(settings.DATA_DIRECTORY ?? '', 'ingest')
  mkdirSync(folder)
  const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
  writeFileSync(join(folder, 'rejects.jsonl'), texts.map((text) => `${text}\n`).join(''))
  return settings
}

async function said(settings: Settings, ...flags: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runTradelog(['rejects', ...flags], settings)
  assert.is(code, 0, stderr)
  return stdout
}

test('ends with how many there are of each reason, and from when to when', async () => {
  const ahead = [3, 4].map((i) => reject(i, { reason: 'time_in_the_future' }))
  const settings = settingsWith([reject(1), ...ahead, { notKept: 7 }])
  const lines = (await said(settings)).split('\n')
  assert.is(lines[0], '2026-12-01T10:00:01.000Z  invalid_price  "{\\"i\\":1}"')
  assert.equal(lines.slice(3), [
    'and 7 more, which were counted but not kept',
    '3 rejects from 2026-12-01T10:00:01.000Z to 2026-12-01T10:00:04.000Z: ' +
      'time_in_the_future 2, invalid_price 1',
    '7 more were counted but not kept',
    '',
  ])
  assert.match(await said(settings, '--limit', '2'), /^the latest 1 of 3 rejects$/m)
})

test('lists one reason alone', async () => {
  const settings = settingsWith([reject(1), reject(2, { reason: 'invalid_row' }), { notKept: 7 }])
  const lines = (await said(settings, '--reason', 'invalid_row')).trim().split('\n')
  assert.is(lines.length, 2)
  assert.match(lines[0] ?? '', /invalid_row/)
  assert.match(lines[1] ?? '', /^1 reject from .*: invalid_row 1$/)
  assert.match(await said(settings, '--reason', 'none'), /no reject with the reason none/)
})

test('a line that is no reject, such as 7, is counted and stops nothing', async () => {
  const settings = settingsWith(['7', 'null', '{"at":', reject(1)])
  assert.match(await said(settings), /^1 reject .*\nlines that cannot be read: 3 /m)
  const json = (await said(settings, '--json')).trim().split('\n')
  assert.equal(
    json.map((line) => JSON.parse(line)),
    [reject(1), { unreadable: 3 }],
  )
})

const hostile = '\u001b[2J\u009b31m\u202egnp.exe\u2066\u200f\ufeff\u2028\u{e0041}'

test('nothing that a feed sends is obeyed by a terminal, nor turns its text around', async () => {
  const settings = settingsWith([reject(1, { text: hostile, at: hostile, reason: hostile })])
  for (const output of [await said(settings), await said(settings, '--json')]) {
    assert.not.match(output.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}]/u)
    assert.match(output, '\\u009b31m\\u202egnp.exe')
  }
  assert.is(JSON.parse(await said(settings, '--json')).text, hostile)
})

test('a text is cut to 256 characters, or to the terminal, but whole as JSON', async () => {
  const long = reject(1, { text: 'x'.repeat(100_000) })
  const settings = settingsWith([long])
  const [shown = ''] = (await said(settings)).split('\n')
  assert.is(shown, `${long.at}  invalid_price  "${'x'.repeat(255)}…"`)
  assert.is(rejectLine(long, 80).trimEnd().length, 80)
  assert.equal(JSON.parse(await said(settings, '--json')), long)
})

test('with nothing kept, --replay says so', async () => {
  assert.match(await said(embeddedStores(), '--replay'), /^nothing to bring back: /)
})

test('while ingest is running, --replay says to stop it first, and changes nothing', async () => {
  const settings = settingsWith([reject(1)])
  const ingest = startTradelog(['ingest'], settings)
  await eventually(() => ingest.stderr().includes('ingest is active'))
  const { code, stdout, stderr } = await runTradelog(['rejects', '--replay'], settings)
  assert.is(code, 1)
  assert.is(stdout, '')
  assert.match(stderr, /NOT_THE_ACTIVE_WRITER: ingest is running .*: stop it first/)
  assert.match(await said(settings), /^1 reject from /m)
  await ingest.kill('SIGTERM')
})

/** For `node --import`: the clock of the process is an hour behind. */
const slowClock = 'const now = Date.now; Date.now = () => now() - 3_600_000'

const trade = (price: number, t: number) => ({ s: 'AAPL', p: price, v: 1, t })

test('trades refused while the clock was an hour behind are back after --replay, once', async () => {
  const server = await startScriptedFeed()
  const settings = {
    ...embeddedStores(),
    FEED: 'finnhub',
    FINNHUB__URL: server.url,
    FINNHUB__TOKEN: 'token',
    SUBSCRIBED_SYMBOLS: 'AAPL',
  }
  const program = [`--import=data:text/javascript,${encodeURIComponent(slowClock)}`, mainProgram]
  const ingest = startTradelog(['ingest'], settings, program)
  await eventually(() => server.heard[0]?.length === 1)
  const t = Date.now()
  const count = 5_000
  for (let from = 0; from < count; from += 100) {
    const data = Array.from({ length: 100 }, (_, i) => trade(from + i + 1, t))
    server.send({ type: 'trade', data })
  }
  server.send({ type: 'trade', data: [trade(0, t + 3_600_000)] })
  await eventually(async () => /^5,001 rejects /m.test(await said(settings)))

  await ingest.kill('SIGTERM')
  await server.close()

  const [brought, refused] = (await said(settings, '--replay')).split('\n')
  assert.is(brought, 'brought back 5,000 trades')
  assert.is(refused, 'still refused: time_in_the_future 1')
  assert.match(await said(settings, '--replay'), /^brought back 0 trades$/m)
  assert.match(await said(settings), /^1 reject from /m)

  const copied = await runTradelog(['copy', '--to', '-'], settings)
  const prices = copied.stdout
    .split('\n')
    .flatMap((line) => (line.includes('"TradeExecuted"') ? [JSON.parse(line).event.price] : []))
  assert.equal(
    prices.map(Number).sort((a, b) => a - b),
    Array.from({ length: count }, (_, i) => i + 1),
  )
})

test.run()
