import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  openInterruptions,
  type SymbolInterruption,
} from '../../../src/ingest/interruptions/open-interruptions.ts'
import { suite } from '../../support/suite.ts'

const test = suite('open interruptions')

const symbols = ['A', 'B', 'C']
const heardSince = 1_000
const lastingMs = 100

const started = () => openInterruptions({ symbols, heardSince, lastingMs })
const spansOf = (told: readonly SymbolInterruption[]) =>
  told.map(({ symbol, from, until, reason }) => [symbol, from, until, reason])
const refusedAt = (symbol: string | null, from: number, until = from + 1) => ({
  symbol,
  from,
  until,
})

test('a lost feed is one open interruption of each symbol, which ends when it is heard', () => {
  const { lost, heard, latest } = started()
  assert.is(latest(), undefined)
  assert.equal(
    spansOf(lost(2_000, 'disconnected')),
    symbols.map((symbol) => [symbol, 2_000, null, 'disconnected']),
  )
  assert.equal(latest(), { from: 2_000, until: null, reason: 'disconnected' })
  assert.equal(lost(2_500, 'disconnected'), [], 'it is told already')
  assert.equal(
    spansOf(heard(3_000)),
    symbols.map((symbol) => [symbol, 2_000, 3_000, 'disconnected']),
  )
  assert.equal(latest(), { from: 2_000, until: 3_000, reason: 'disconnected' })
  assert.equal(heard(3_500), [])
})

test('thousands of refused trades are one interruption of their symbol', () => {
  const { refused, works, latest } = started()
  assert.equal(spansOf(refused(refusedAt('A', 2_000), 0)), [['A', 2_000, null, 'trades refused']])
  for (let ms = 1; ms <= 5_000; ms++) assert.equal(refused(refusedAt('A', 2_000 + ms), ms), [])
  assert.equal(works(5_000 + lastingMs - 1), [], 'it has to last')
  assert.equal(spansOf(works(5_000 + lastingMs)), [['A', 2_000, 7_001, 'trades refused']])
  assert.is(latest(), undefined, 'the others were listened to')
})

test('what is refused of an unknown symbol may be of any, of a strange one it is of none', () => {
  const { refused, works } = started()
  assert.equal(refused(refusedAt('Z', 2_000), 0), [])
  assert.is(refused(refusedAt(null, 2_000), 0).length, symbols.length)
  assert.equal(refused(refusedAt('A', 2_001), 50), [])
  assert.equal(
    works(lastingMs).map(({ symbol }) => symbol),
    ['B', 'C'],
    'of A a trade was refused later',
  )
  assert.equal(spansOf(works(50 + lastingMs)), [['A', 2_000, 2_002, 'trades refused']])
})

test('an interruption with two causes ends when both are over, and covers both', () => {
  const { refused, works, lost, heard } = started()
  refused(refusedAt('A', 2_000), 0)
  assert.equal(
    lost(1_990, 'silent').map(({ symbol, from }) => [symbol, from]),
    [
      ['A', 1_990],
      ['B', 1_990],
      ['C', 1_990],
    ],
  )
  assert.equal(works(lastingMs), [], 'it is still lost')
  assert.equal(
    spansOf(heard(3_000)),
    symbols.map((symbol) => [symbol, symbol === 'A' ? 2_000 : 1_990, 3_000, 'silent']),
  )
})

test('a beginning that moves back and back is told again seldom, and never before the last end', () => {
  const { refused, works } = started()
  const told: (readonly unknown[])[] = []
  for (let ms = 0; ms < 900_000; ms++) {
    told.push(...spansOf(refused(refusedAt('A', 1_000_000 - ms), ms)))
  }
  assert.ok(told.length < 25, `${told.length}`)
  assert.is(told.at(-1)?.[1], heardSince)
  assert.is(works(2_000_000)[0]?.from, 1_000_000, 'its end is the newest row of all')
})

type Step =
  | Readonly<{ kind: 'lost' | 'heard' | 'works'; ms: number }>
  | Readonly<{ kind: 'refused'; ms: number; symbol: string | null; agoMs: number }>

const stepMs = fc.integer({ min: 1, max: 20 }).chain((ms) => fc.constantFrom(ms, 10 * ms))
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom('lost', 'heard', 'works'), ms: stepMs }),
    fc.record({
      kind: fc.constant('refused' as const),
      ms: stepMs,
      symbol: fc.constantFrom('A', 'B', null, 'Z'),
      agoMs: fc.oneof(fc.nat(5), fc.integer({ min: -2_000, max: 2_000 })),
    }),
  ) as fc.Arbitrary<Step>,
  { maxLength: 60 },
)

/** Runs the steps by a clock that is set back now and then; ends when all causes are over. */
function run(taken: readonly Step[], setBackMs: number) {
  const open = started()
  const rows = new Map<string, SymbolInterruption[]>(symbols.map((symbol) => [symbol, []]))
  /** What a row must cover. What lies before the latest end can't be told any more. */
  const missing: Readonly<{ symbol: string; at: number }>[] = []
  let uptime = heardSince
  let now = heardSince
  let lostAt: number | undefined

  const record = (told: readonly SymbolInterruption[]) => {
    for (const each of told) rows.get(each.symbol)?.push(each)
  }
  const touched = new Set<string>()
  const miss = (of: readonly string[], at: number) => {
    for (const symbol of of) {
      touched.add(symbol)
      const endedAt = (rows.get(symbol) ?? []).reduce(
        (last, { until }) => Math.max(last, until ?? 0),
        heardSince,
      )
      if (at >= endedAt) missing.push({ symbol, at })
    }
  }
  const refuse = (symbol: string | null, at: number) => {
    miss(
      symbols.filter((each) => symbol === null || each === symbol),
      at,
    )
    const span = { symbol, from: Math.min(at, now), until: Math.max(at, now) + 1 }
    record(open.refused(span, uptime))
  }
  const step = (each: Step) => {
    uptime += each.ms
    now += each.ms
    if (lostAt !== undefined && each.kind !== 'heard') miss(symbols, now)
    if (each.kind === 'refused') refuse(each.symbol, now - each.agoMs)
    if (each.kind === 'works') record(open.works(uptime))
    if (each.kind === 'heard') {
      record(open.heard(now))
      lostAt = undefined
    }
    if (each.kind === 'lost') {
      lostAt ??= now - 1
      miss(symbols, lostAt)
      record(open.lost(lostAt, 'disconnected'))
    }
  }
  taken.forEach((each, i) => {
    if (i === 20) now -= setBackMs
    step(each)
  })
  step({ kind: 'heard', ms: 1 })
  step({ kind: 'works', ms: lastingMs })
  return { rows, missing, touched }
}

/** As readers decide: by the newest row that begins before the end of the span. */
function isInterrupted(rows: readonly SymbolInterruption[], start: number, end: number): boolean {
  const sorted = [...rows].sort((a, b) => a.from - b.from)
  const decides = sorted.findLast(({ from }) => from < end)
  return decides !== undefined && (decides.until === null || decides.until > start)
}

const property = (check: (ran: ReturnType<typeof run>) => void) =>
  fc.assert(
    fc.property(steps, fc.constantFrom(0, 0, 50, 5_000), (taken, backMs) => {
      check(run(taken, backMs))
    }),
    { numRuns: 1_000 },
  )

test('whatever happens, a symbol has one open interruption at most, and its spans rise', () =>
  property(({ rows }) => {
    for (const of of rows.values()) {
      let endedAt = heardSince
      let opened: readonly number[] = []
      for (const { from, until } of of) {
        assert.ok(from >= endedAt, 'none begins before the end of the one before')
        if (until === null) {
          assert.ok(opened.every((earlier) => from < earlier))
          opened = [...opened, from]
          assert.ok(opened.length < 15, 'they are few')
        } else {
          assert.is(from, opened[0], 'an end is the newest row, as rows are read')
          assert.ok(until >= from)
          endedAt = until
          opened = []
        }
      }
      assert.equal(opened, [], 'when all is over none is open')
    }
  }))

test('whatever happens, every refused trade and every unheard moment lies in a told span', () =>
  property(({ rows, missing }) => {
    for (const { symbol, at } of missing) {
      assert.ok(isInterrupted(rows.get(symbol) ?? [], at, at + 1), `${symbol} ${at}`)
    }
  }))

test('whatever happens, nothing is told if nothing was missing', () =>
  property(({ rows, touched }) => {
    for (const [symbol, of] of rows) if (!touched.has(symbol)) assert.equal(of, [])
  }))

test.run()
