import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { TradelogError } from '../../../src/domain/errors.ts'
import type { FeedProtocol } from '../../../src/ingest/feed.ts'
import { finnhubProtocol } from '../../../src/ingest/feeds/finnhub/protocol.ts'
import { bringBack } from '../../../src/ingest/rejects/bring-back.ts'
import { isUnfinished, readRejects } from '../../../src/ingest/rejects/reader.ts'
import { openRejectLog } from '../../../src/ingest/rejects/reject-log.ts'
import { armCrashPoints } from '../../../src/runtime/crash-point.ts'
import { eventStoreDouble } from '../../support/event-store-double.ts'
import { silent } from '../../support/silent.ts'
import { suite } from '../../support/suite.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { trade } from '../../support/trade.ts'

const test = suite('rejects brought back')

const hour = 3_600_000
const at = '2025-11-20T13:33:03.544Z'
const rejectedAt = Date.parse(at)
const symbols = ['AAPL', 'MSFT', '__proto__']

const finnhub = finnhubProtocol({ url: '', source: 'finnhub', pingEveryMs: 1 })
const protocols: Readonly<Record<string, FeedProtocol>> = { finnhub }

type Row = Readonly<{ at?: string; source?: string; reason: string; text: string }>

const entry = (i: number, fields: object = {}) =>
  JSON.stringify({ s: symbols[i % 3], p: i + 1, v: 1, t: rejectedAt + hour, ...fields })

const ahead = (i: number): Row => ({
  at,
  source: 'finnhub',
  reason: 'time_in_the_future',
  text: entry(i),
})

function directoryWith(rows: readonly (Row | string)[]): string {
  const directory = temporaryDirectory()
  addTo(directory, rows)
  return directory
}

function addTo(directory: string, rows: readonly (Row | string)[]): void {
  const lines = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)))
  writeFileSync(join(directory, 'rejects.jsonl'), `${lines.join('\n')}\n`, { flag: 'a' })
}

type Options = Partial<Parameters<typeof bringBack>[0]>

const run = (
  directory: string,
  eventStore: ReturnType<typeof eventStoreDouble>,
  options: Options = {},
) =>
  bringBack({
    directory,
    eventStore,
    protocolOf: (source) => protocols[source],
    now: () => rejectedAt + 2 * hour,
    appendEventsMax: 7,
    logger: silent,
    signal: new AbortController().signal,
    ...options,
  })

/** The lines of the reject log as they are. */
async function linesIn(directory: string): Promise<readonly string[]> {
  const lines: string[] = []
  for await (const some of readRejects(directory))
    lines.push(...some.map(({ bytes }) => `${bytes}`))
  return lines
}

const pricesIn = ({ events }: ReturnType<typeof eventStoreDouble>) =>
  events()
    .map(({ price }) => Number(price))
    .sort((a, b) => a - b)

test('5,000 trades refused while the clock was an hour behind are in the log once', async () => {
  const directory = directoryWith(Array.from({ length: 5_000 }, (_, i) => ahead(i)))
  const store = eventStoreDouble()
  const result = await run(directory, store, { appendEventsMax: 500 })
  assert.is(result.trades, 5_000)
  assert.equal(
    pricesIn(store),
    Array.from({ length: 5_000 }, (_, i) => i + 1),
  )
  const [first] = store.events().filter(({ price }) => price === '1')
  assert.match(first?.source ?? '', /^rejects:finnhub:[0-9a-f]{16}:1$/)
  assert.equal(
    { ...first, source: '' },
    trade({ price: '1', executedAt: rejectedAt + hour, source: '' }),
  )
  assert.equal(await linesIn(directory), [])
})

test('run again, it adds nothing', async () => {
  const directory = directoryWith([ahead(0), { ...ahead(1), text: entry(1, { p: 'x' }) }])
  const store = eventStoreDouble()
  assert.is((await run(directory, store)).trades, 1)
  const again = await run(directory, store)
  assert.equal([again.trades, again.known], [0, 0])
  assert.is(store.events().length, 1)
})

test('what is still refused keeps its time, its text and its place, with the reason of today', async () => {
  const far = { ...ahead(1), text: entry(1, { t: rejectedAt + 99 * hour }) }
  const long = { ...ahead(2), text: entry(2, { c: ['x'.repeat(2_000)] }) }
  const directory = directoryWith([far, ahead(0), long])
  const { trades, refused } = await run(directory, eventStoreDouble())
  assert.is(trades, 1)
  assert.equal({ ...refused }, { time_in_the_future: 1, conditions_too_long: 1 })
  assert.equal(await linesIn(directory), [
    JSON.stringify(far),
    JSON.stringify({ ...long, reason: 'conditions_too_long' }),
  ])
})

test('a trade comes back with every digit that the feed sent', async () => {
  const directory = temporaryDirectory()
  const t = rejectedAt + hour
  const frame = `{"type":"trade","data":[{"s":"AAPL","p":284578000.00000004,"v":1e-20,"t":${t}}]}`
  const log = openRejectLog({ directory, logger: silent })
  for (const reject of finnhub.parse(Buffer.from(frame), rejectedAt).rejected) {
    log.add(reject, { source: 'finnhub', at: rejectedAt })
  }
  await log.close()
  const store = eventStoreDouble()
  await run(directory, store)
  const [{ price, volume } = trade()] = store.events()
  assert.equal([price, volume], ['284578000.00000004', '0.00000000000000000001'])
})

test('what is not judged stays as it was, byte for byte, and is counted', async () => {
  const rows = [
    { ...ahead(1), source: 'file' },
    { ...ahead(2), source: 'gone' },
    { at, reason: 'time_in_the_future', text: entry(3) },
    { ...ahead(4), wholeBytes: 5_000_000 },
    '{"notKept":7}',
    '{"at":"2025',
    '7',
  ]
  const directory = directoryWith(rows)
  const before = await linesIn(directory)
  const { trades, left, unreadable } = await run(directory, eventStoreDouble())
  assert.is(trades, 0)
  assert.equal({ ...left }, { 'of a played file': 1, 'of no live feed': 2, 'not kept whole': 1 })
  assert.is(unreadable, 2)
  assert.equal(await linesIn(directory), before)
})

test('with a reason, the others stay', async () => {
  const other = { ...ahead(1), reason: 'invalid_price' }
  const directory = directoryWith([ahead(0), other])
  const result = await run(directory, eventStoreDouble(), { reason: 'time_in_the_future' })
  assert.is(result.trades, 1)
  assert.equal({ ...result.left }, { 'of another reason': 1 })
  assert.equal(await linesIn(directory), [JSON.stringify(other)])
})

test('a whole message that is understood by now gives its trades, and its bad entries alone', async () => {
  const reason = 'message_of_unknown_type'
  const text = `{"type":"trade","data":[${entry(0)},7,${entry(1)}]}`
  const directory = directoryWith([
    { at, source: 'finnhub', reason, text },
    { at, source: 'finnhub', reason, text: '{"type":"ping"}' },
    { at, source: 'finnhub', reason, text: '{"type":"news"}' },
  ])
  const store = eventStoreDouble()
  const { trades, refused, withoutTrade } = await run(directory, store)
  assert.is(trades, 2)
  assert.equal({ ...refused }, { trade_not_an_object: 1, message_of_unknown_type: 1 })
  assert.is(withoutTrade, 1)
  assert.equal(pricesIn(store), [1, 2])
  assert.equal(await linesIn(directory), [
    JSON.stringify({ at, source: 'finnhub', reason: 'trade_not_an_object', text: '7' }),
    JSON.stringify({ at, source: 'finnhub', reason, text: '{"type":"news"}' }),
  ])
})

test('an entry in the place of the list is no trade, today as then', async () => {
  const row = { ...ahead(0), reason: 'trades_not_a_list' }
  const directory = directoryWith([row])
  assert.is((await run(directory, eventStoreDouble())).trades, 0)
  assert.equal(await linesIn(directory), [JSON.stringify(row)])
})

test('the rejects of a feed whose messages are one trade each are judged as messages', async () => {
  const { messageOf: _, ...protocol } = finnhub
  const single: FeedProtocol = {
    ...protocol,
    parse: (message, now) =>
      finnhub.parse(Buffer.from(`{"type":"trade","data":[${message}]}`), now),
  }
  const directory = directoryWith([ahead(0)])
  const result = await run(directory, eventStoreDouble(), { protocolOf: () => single })
  assert.is(result.trades, 1)
})

/** What a run does up to the k-th pass of any crash point, and from there nothing. */
async function runUntil(pass: number, work: () => Promise<unknown>): Promise<boolean> {
  let passes = 0
  armCrashPoints(() => {
    passes += 1
    if (passes === pass) throw new Error('killed')
  })
  try {
    await work()
    return false
  } catch (error) {
    assert.is(String(error), 'Error: killed')
    return true
  } finally {
    armCrashPoints(() => {})
  }
}

test('stopped at any step, and ingest running in between, each trade is in the log once', async () => {
  let kills = 0
  for (let pass = 1; ; pass++) {
    const bad = { ...ahead(90), text: entry(90, { p: 'x' }) }
    const later = { ...ahead(91), text: entry(91, { t: rejectedAt + 3 * hour }) }
    const good = Array.from({ length: 40 }, (_, i) => ahead(i))
    const directory = directoryWith([later, ...good, bad, '7'])
    const store = eventStoreDouble()
    const isKilled = await runUntil(pass, () => run(directory, store))
    // Ingest takes and rejects others before the next run, whose clock is later.
    await store.append([trade({ symbol: 'AAPL', price: '1' }), trade({ price: '1000' })])
    addTo(directory, [ahead(50), bad])
    const now = () => rejectedAt + 4 * hour
    await runUntil(Math.max(1, pass - 7), () => run(directory, store, { now }))
    await run(directory, store, { now })
    assert.equal(
      pricesIn(store),
      [1, ...Array.from({ length: 40 }, (_, i) => i + 1), 51, 92, 1_000],
      `killed at pass ${pass}`,
    )
    const left = [...(await linesIn(directory))].sort()
    assert.equal(left, [
      '7',
      JSON.stringify({ ...bad, reason: 'invalid_price' }),
      JSON.stringify({ ...bad, reason: 'invalid_price' }),
    ])
    assert.equal(
      readdirSync(directory).filter((name) => name.endsWith('taken')),
      [],
    )
    if (!isKilled) break
    kills += 1
  }
  assert.ok(kills > 15, `${kills} kills`)
})

test('if another process takes over meanwhile it ends, and the next run carries on', async () => {
  const directory = directoryWith(Array.from({ length: 40 }, (_, i) => ahead(i)))
  const store = eventStoreDouble()
  store.beforeAppend(async () => {
    if (store.calls.length === 3) throw new TradelogError('NOT_THE_ACTIVE_WRITER', 'another')
  })
  const code = await run(directory, store).catch((error: TradelogError) => error.code)
  assert.is(code, 'NOT_THE_ACTIVE_WRITER')
  assert.ok(await isUnfinished(directory))
  store.beforeAppend(async () => {})
  const { trades, known } = await run(directory, store)
  assert.equal([trades, known], [26, 14])
  assert.is(store.events().length, 40)
  assert.not(await isUnfinished(directory))
})

test.run()
