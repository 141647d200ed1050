import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { TradelogEvent } from '../../../src/domain/event.ts'
import {
  type InterruptionRow,
  interruptions,
} from '../../../src/projections/read-models/interruptions.ts'
import {
  completenessOf,
  readEvidence,
  type Span,
} from '../../../src/read-api/read-models/completeness.ts'
import type { Reports } from '../../../src/read-api/read-models/reports.ts'
import { encodeKey } from '../../../src/read-model-store/key.ts'
import type { Generation, ReadModelStore } from '../../../src/read-model-store/read-model-store.ts'
import { openEventStream } from '../../support/event-stream.ts'
import { eventually } from '../../support/eventually.ts'
import {
  firstListened,
  reportFeed,
  reportKnownUntil,
  reportProjectors,
} from '../../support/listening.ts'
import { openMemoryReadModelStore } from '../../support/memory-read-model-store.ts'
import { startTestApi, type TestApi } from '../../support/read-api.ts'
import { suite } from '../../support/suite.ts'
import { interruption, trade } from '../../support/trade.ts'

const test = suite('completeness of candles')

const secondMs = 1_000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs

/** 2026-02-03, by hour, minute and second. */
const at = (hour: number, minute: number, second = 0) => Date.UTC(2026, 1, 3, hour, minute, second)

type Given = TestApi & {
  /** The clock of the API and of the store. */
  now: number
  /** By starts (`16:28`): the `complete` of every candle of AAPL. */
  complete: (interval?: string) => Promise<Record<string, boolean | null>>
}

/** An API at a time that stands still. Its log begins with these events. */
async function given(now: number, events: readonly TradelogEvent[]): Promise<Given> {
  const clock = { now }
  const openStore = async () => openMemoryReadModelStore({ now: () => clock.now })
  const api = await startTestApi({ now: () => clock.now, openStore })
  await api.record(events)
  let limit = 100
  const complete = async (interval = '1m') => {
    // Each time another path: an answer is kept for a second of the real clock.
    const { json } = await api.get(`/api/v1/candles/AAPL?interval=${interval}&limit=${limit++}`)
    return Object.fromEntries(
      json.data.data.map((candle: { start: string; complete: boolean | null }) => [
        candle.start.slice(11, 16),
        candle.complete,
      ]),
    )
  }
  return Object.assign(clock, api, { complete })
}

const trades = (...times: readonly number[]) => times.map((executedAt) => trade({ executedAt }))

/** A symbol that was listened to for days, and has trades in three minutes. */
const usual = [
  firstListened('AAPL', at(0, 0) - 24 * hourMs),
  ...trades(at(16, 27, 30), at(16, 28, 30), at(16, 29, 10)),
]

test('a candle is complete when the feed was heard from its first moment until now', async () => {
  const api = await given(at(16, 29, 30), usual)
  await reportKnownUntil(api.store, api.now)
  assert.equal(await api.complete(), { '16:27': true, '16:28': true, '16:29': true })
  assert.equal(await api.complete('1h'), { '16:00': true })
  assert.equal(await api.complete('1d'), { '00:00': true })
  await api.close()
})

test('the open candles are incomplete while the feed is away, not only afterwards', async () => {
  const api = await given(at(16, 29, 20), usual)
  await reportKnownUntil(api.store, api.now)
  assert.equal(await api.complete(), { '16:27': true, '16:28': true, '16:29': true })
  api.now = at(16, 29, 22)
  await reportProjectors(api.store, api.now)
  const [from, heardUntil] = [at(16, 29, 20), at(16, 29, 20)]
  const lost = { reason: 'disconnected', from, until: null }
  await reportFeed(api.store, { state: 'disconnected', heardUntil, interruption: lost })
  assert.equal(await api.complete(), { '16:27': true, '16:28': true, '16:29': false })
  assert.equal(await api.complete('1h'), { '16:00': false })
  assert.equal(await api.complete('1d'), { '00:00': false })
  await api.close()
})

test('the event of a loss that goes on is enough, while reports are older', async () => {
  const api = await given(at(16, 29, 20), usual)
  await reportKnownUntil(api.store, api.now)
  await api.record([interruption({ from: at(16, 29, 19), until: null })])
  assert.equal(await api.complete(), { '16:27': true, '16:28': true, '16:29': false })
  await api.record([
    interruption({ from: at(16, 29, 19), until: at(16, 29, 50) }),
    ...trades(at(16, 29, 55), at(16, 30, 0)),
  ])
  api.now = at(16, 30, 5)
  await reportKnownUntil(api.store, api.now)
  const after = { '16:27': true, '16:28': true, '16:29': false, '16:30': true }
  assert.equal(await api.complete(), after)
  assert.equal(await api.complete('1h'), { '16:00': false })
  await api.close()
})

test('the day of the first start is incomplete, and so is every candle before it', async () => {
  const api = await given(at(16, 30, 30), [
    firstListened('AAPL', at(16, 28, 12)),
    ...trades(at(9, 15), at(16, 28, 13), at(16, 29, 1), at(16, 30, 1), at(15, 0)),
  ])
  await reportKnownUntil(api.store, api.now)
  assert.equal(await api.complete(), {
    '09:15': false,
    '15:00': false,
    '16:28': false,
    '16:29': true,
    '16:30': true,
  })
  assert.equal(await api.complete('1h'), { '09:00': false, '15:00': false, '16:00': false })
  assert.equal(await api.complete('1d'), { '00:00': false })
  await api.close()
})

test('candles are incomplete while trades are refused, and stay so', async () => {
  const refused = { from: at(16, 28, 40), reason: 'trades refused' }
  const api = await given(at(16, 29, 20), [...usual, interruption({ ...refused, until: null })])
  await reportKnownUntil(api.store, api.now)
  assert.equal(await api.complete(), { '16:27': true, '16:28': false, '16:29': false })
  await api.record([interruption({ ...refused, until: at(16, 29, 40) }), ...trades(at(16, 30, 10))])
  api.now = at(16, 30, 20)
  await reportKnownUntil(api.store, api.now)
  const after = { '16:27': true, '16:28': false, '16:29': false, '16:30': true }
  assert.equal(await api.complete(), after)
  await api.close()
})

test('the open candle is incomplete once a killed ingest has been silent for 10 s', async () => {
  const api = await given(at(16, 29, 20), usual)
  await reportKnownUntil(api.store, api.now)
  api.now = at(16, 29, 31)
  await reportProjectors(api.store, api.now)
  assert.equal(await api.complete(), { '16:27': true, '16:28': true, '16:29': false })
  assert.equal(await api.complete('1h'), { '16:00': false })
  await api.close()
})

test('the end of an interruption by a kill counts, though the killed one never saw it', async () => {
  const api = await given(at(16, 29, 20), usual)
  const lost = { reason: 'disconnected', from: at(16, 28, 59), until: null }
  const heardUntil = lost.from
  await reportFeed(
    api.store,
    { state: 'disconnected', heardUntil, interruption: lost },
    { source: 'ingest:killed' },
  )
  const absence = { from: at(16, 28, 57), until: at(16, 30, 30), reason: 'ingest not running' }
  await api.record([interruption(absence), ...trades(at(16, 30, 40), at(16, 31, 5))])
  api.now = at(16, 31, 20)
  await reportKnownUntil(api.store, api.now)
  const after = { '16:27': true, '16:28': false, '16:29': false, '16:30': false, '16:31': true }
  assert.equal(await api.complete(), after)
  await api.close()
})

test('candles after the time at which their projector was caught up are not complete', async () => {
  const api = await given(at(16, 29, 20), usual)
  const heardUntil = api.now
  await reportFeed(api.store, { heardUntil })
  for (const fields of [
    { state: 'stalled' as const },
    { state: 'stopped' as const },
    { state: 'retrying' as const },
    { state: 'catching up' as const },
  ]) {
    api.now += secondMs
    await reportFeed(api.store, { heardUntil: api.now })
    await reportProjectors(api.store, at(16, 28, 10), fields)
    const expected = { '16:27': true, '16:28': false, '16:29': false }
    assert.equal(await api.complete(), expected, fields.state)
  }
  await api.close()
})

test('the open candle is incomplete as soon as its projector is known to be behind', async () => {
  const api = await given(at(16, 29, 20), usual)
  for (const [state, complete] of [
    ['caught up', true],
    ['catching up', false],
    // Such as for a moment after a failure, or a promotion.
    ['retrying', true],
    ['standing by', true],
    ['stopped', false],
  ] as const) {
    api.now += secondMs
    await reportFeed(api.store, { heardUntil: api.now })
    await reportProjectors(api.store, api.now - 2 * secondMs, { state })
    const expected = { '16:27': true, '16:28': true, '16:29': complete }
    assert.equal(await api.complete(), expected, state)
  }
  await api.close()
})

test('the open candle is incomplete once a killed project role is silent for 10 s', async () => {
  const api = await given(at(16, 29, 20), usual)
  await reportKnownUntil(api.store, api.now)
  api.now = at(16, 29, 31)
  await reportFeed(api.store, { heardUntil: api.now })
  assert.equal(await api.complete(), { '16:27': true, '16:28': true, '16:29': false })
  await api.close()
})

test('status rows are read once a second for all requests and streams', async () => {
  const api = await given(at(16, 29, 20), usual)
  await reportKnownUntil(api.store, api.now)
  const path = '/api/v1/stream?interval=1m'
  const stream = await openEventStream({ port: api.api.port, path })
  for (let i = 0; i < 20; i++) await api.complete()
  await eventually(() => stream.of('candle').length > 0)
  assert.is(api.store.calls.get('statuses'), 1)
  api.now += secondMs
  await api.complete()
  await api.complete('1h')
  assert.is(api.store.calls.get('statuses'), 2)
  stream.close()
  await api.close()
})

test('of several projectors, those of the symbol’s own partition count', async () => {
  const api = await given(at(16, 29, 20), usual)
  await reportFeed(api.store, { heardUntil: api.now })
  await reportProjectors(api.store, api.now, { caughtUpAt: { 0: at(16, 28, 10), 1: api.now } })
  assert.equal(await api.complete(), { '16:27': true, '16:28': false, '16:29': false })
  api.now += secondMs
  await reportProjectors(api.store, api.now, { caughtUpAt: { 0: api.now, 1: at(16, 28, 10) } })
  assert.equal(await api.complete(), { '16:27': true, '16:28': true, '16:29': true })
  await api.close()
})

test('nothing is known of the candles of a file, whatever else is listened to', async () => {
  const ofFile = usual.slice(1).map((event) => ({ ...event, source: 'file:0123abcd:1' }))
  const api = await given(at(16, 29, 20), [...ofFile, firstListened('MSFT', at(16, 0))])
  await reportProjectors(api.store, api.now)
  await reportFeed(api.store, { source: 'file', state: 'played', heardUntil: api.now })
  assert.equal(await api.complete(), { '16:27': null, '16:28': null, '16:29': null })
  assert.equal(await api.complete('1d'), { '00:00': null })
  await api.close()
})

test('nothing is known of an old log, but from its first interruption on', async () => {
  const api = await given(at(16, 29, 20), usual.slice(1))
  await reportKnownUntil(api.store, api.now)
  assert.equal(await api.complete(), { '16:27': null, '16:28': null, '16:29': null })
  await api.record([interruption({ from: at(16, 28, 10), until: at(16, 28, 20) })])
  assert.equal(await api.complete(), { '16:27': null, '16:28': false, '16:29': true })
  await api.close()
})

test('rebuilt without ingest, only what the log itself says is known', async () => {
  const api = await given(at(16, 29, 20), [
    firstListened('AAPL', at(16, 26)),
    ...usual.slice(1),
    interruption({ from: at(16, 28, 10), until: at(16, 28, 20) }),
  ])
  const expected = { '16:27': true, '16:28': false, '16:29': false }
  assert.equal(await api.complete(), expected)
  api.now += secondMs
  await reportProjectors(api.store, api.now)
  assert.equal(await api.complete(), expected)
  api.now += secondMs
  await reportFeed(api.store, { heardUntil: null, state: 'connecting' })
  assert.equal(await api.complete(), expected)
  api.now += secondMs
  await reportKnownUntil(api.store, api.now)
  assert.equal(await api.complete(), { '16:27': true, '16:28': false, '16:29': true })
  await api.close()
})

test('interruptions of another version, in another order, are not known', async () => {
  const api = await given(at(16, 29, 20), usual)
  await reportKnownUntil(api.store, api.now)
  const pointer = await api.store.pointer('interruptions')
  assert.ok(pointer)
  const version = interruptions.version - 1
  const old = await api.store.create({ model: 'interruptions', version, kind: 'series' })
  const other = await startTestApi({
    readModels: 'none',
    now: () => api.now,
    openStore: async () => api.store,
  })
  await api.store.promote({ ...pointer, active: old.info.id }, pointer.active)
  const { json } = await other.get('/api/v1/candles/AAPL?limit=1')
  assert.is(json.data.data[0].complete, null)
  await other.close()
  await api.api.close()
})

/**
 * Interruptions as ingest records them: beginnings and ends rise, and at most one goes on. One that
 * goes on may be recorded again, with an earlier beginning.
 */
const recordedRows = fc
  .record({
    parts: fc.array(
      fc.record({
        pause: fc.nat(6),
        length: fc.nat(6),
        told: fc.constantFrom<readonly ('first' | 'again')[]>([], ['first'], ['first', 'again']),
        isMoved: fc.boolean(),
      }),
      { maxLength: 90, size: 'max' },
    ),
    isOver: fc.boolean(),
  })
  .map(({ parts, isOver }) => {
    let time = 0
    const rows = parts.flatMap(({ pause, length, told, isMoved }) => {
      const [earliest, from] = [time + Math.floor(pause / 2), time + pause]
      const later = told.length > 0 && isMoved ? from + 1 : from
      time = later + length
      const open = told.map((which) => ({ from: which === 'first' ? from : earliest, until: null }))
      return [...open, { from: later, until: time }]
    })
    return isOver ? rows : [...rows, { from: time + 3, until: null }]
  })

/** The spans that rows stand for, one after the other. */
function naiveSpans(rows: readonly Readonly<{ from: number; until: number | null }>[]) {
  const spans: { from: number; until: number }[] = []
  let open = Infinity
  for (const { from, until } of rows) {
    open = Math.min(open, from)
    if (until === null) continue
    spans.push({ from: open, until })
    open = Infinity
  }
  return open === Infinity ? spans : [...spans, { from: open, until: Infinity }]
}

const someTime = fc.oneof(fc.nat(700), fc.constant(Infinity))

/** What is reported: until when all is known, and an interruption that isn't in the log yet. */
const someReports = fc.record({
  heardUntil: someTime,
  appliedUntil: someTime,
  interruption: fc.option(fc.record({ from: fc.nat(60), length: fc.option(fc.nat(50)) })),
})

test('equals a naive model, for any interruptions, reports and spans', async () => {
  const store = openMemoryReadModelStore()
  await fc.assert(
    fc.asyncProperty(
      recordedRows,
      someReports,
      fc.uniqueArray(fc.nat(120), { maxLength: 40, size: 'max' }),
      fc.integer({ min: 1, max: 9 }),
      async (rows, reported, starts, length) => {
        const { generation, pages } = await generationOf(store, rows)
        const spans = starts
          .map((start) => ({ start: start * length, end: (start + 1) * length }))
          .sort((a, b) => b.start - a.start)
        const { signal } = new AbortController()
        const found = await readEvidence(generation, { symbol: 'A', spans, signal })
        assert.ok(pages() <= spans.length + 1, `${pages()} reads of ${spans.length} spans`)
        for (const span of spans) {
          const expected = naiveCompleteness(span, rows, reported)
          const message = `${JSON.stringify(span)} at ${now}`
          assert.is(completenessOf(span, found, reportsOf(reported)), expected, message)
        }
      },
    ),
    { numRuns: 500 },
  )
  await store.close()
})

type RecordedRows = readonly Readonly<{ from: number; until: number | null }>[]
type Reported = typeof someReports extends fc.Arbitrary<infer T> ? T : never

const now = 500

const reportsOf = ({ heardUntil, appliedUntil, interruption }: Reported): Reports => ({
  now,
  heardUntil: () => heardUntil,
  appliedUntil: () => appliedUntil,
  interruptionsOf: () => (interruption === null ? [] : [{ ...spanOf(interruption), isLive: true }]),
})

const spanOf = ({ from, length }: NonNullable<Reported['interruption']>) => ({
  from,
  until: length === null ? null : from + length,
  reason: 'disconnected',
})

function naiveCompleteness(
  { start, end }: Span,
  rows: RecordedRows,
  { heardUntil, appliedUntil, interruption }: Reported,
): boolean | null {
  const recorded = naiveSpans(rows)
  if (recorded.every(({ from }) => from >= end)) return null
  const reported = interruption === null ? [] : [spanOf(interruption)]
  for (const { from, until } of [...recorded, ...reported]) {
    if (from < end && (until ?? Infinity) > start) return false
  }
  // The log itself says that the feed was heard when its last interruption ended, or began.
  const last = recorded.at(-1)
  const ofLog = last === undefined ? 0 : last.until === Infinity ? last.from : last.until
  return Math.min(end, now, Math.max(heardUntil, ofLog), appliedUntil) === Math.min(end, now)
}

/** A generation with these rows, which counts the pages that are read of it. */
async function generationOf(store: ReadModelStore, rows: RecordedRows) {
  const { name: model, version, kind } = interruptions
  const stored = await store.create({ model, version, kind })
  const writes = rows.map(({ from, until }, offset) => ({
    key: encodeKey(['A', from, 0, offset]),
    value: { symbol: 'A', from, until, reason: 'disconnected', source: 'simulated' },
  }))
  const [to, applied] = [rows.length, rows.length]
  const commit = { partition: 0, from: 0, to, applied, origin: 'log', rows: { kind, writes } }
  if (rows.length > 0) assert.is(await stored.commit(commit), 'committed')
  let pages = 0
  const page: Generation['page'] = (options) => {
    pages++
    return stored.page(options)
  }
  return { generation: { ...stored, page } as Generation<InterruptionRow>, pages: () => pages }
}

test.run()
