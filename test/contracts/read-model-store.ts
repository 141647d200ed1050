import * as assert from 'uvu/assert'
import { type ErrorCode, hasCode } from '../../src/domain/errors.ts'
import { encodeKey, type Key, keysUnder } from '../../src/read-model-store/key.ts'
import type {
  Commit,
  Generation,
  ReadModelStore,
  Row,
  StateWrite,
  StoredRow,
} from '../../src/read-model-store/read-model-store.ts'
import { eventually } from '../support/eventually.ts'
import { type Suite, suite } from '../support/suite.ts'

/** Opens the store on one place, at first empty, any number of times: as several processes do. */
type OpenStore = () => Promise<ReadModelStore>

type Options = Readonly<{
  /** How long a lease lives in the tests: long enough for a renewal to get through. */
  leaseTtlMs?: number
  timeoutMs?: number
}>

type Context = Readonly<{
  store: ReadModelStore
  /** A further handle on the same place; closed after the test like the first. */
  another: OpenStore
}>

type Define = (name: string, body: (context: Context) => Promise<void>) => void

/** What every read-model store does. `place` makes an empty place and gives its opener. */
export function readModelStoreContract(
  title: string,
  place: () => OpenStore,
  { leaseTtlMs = 2_000, timeoutMs = 60_000 }: Options = {},
): void {
  const test = suite(title)
  const define: Define = (name, body) => test(name, () => withStores(place(), body), { timeoutMs })
  describeSeries(define)
  describeState(define)
  describeCheckpoints(define)
  describePages(define)
  describeValues(define)
  describeGenerations(define)
  describePointers(define)
  describeLeases(define, leaseTtlMs)
  describeSkips(define)
  describeStatuses(define)
  describeClose(test, place, timeoutMs)
  test.run()
}

async function withStores(open: OpenStore, body: (context: Context) => Promise<void>) {
  const opened: ReadModelStore[] = []
  const another = async () => {
    const store = await open()
    opened.push(store)
    return store
  }
  try {
    await body({ store: await another(), another })
  } finally {
    await Promise.all(opened.map((store) => store.close()))
  }
}

function describeSeries(test: Define) {
  test('a new generation is empty', async ({ store }) => {
    const generation = await createSeries(store)
    assert.is((await generation.checkpoint()).size, 0)
    assert.equal(await generation.read([key('A', 1)]), [undefined])
    assert.equal(await allRows(generation), [])
    assert.equal(await chunks(generation), [])
  })

  test('a committed series batch is there for every kind of read', async ({ store }) => {
    const generation = await createSeries(store)
    const answer = await generation.commit(seriesCommit([1, 2, 3]))
    assert.is(answer, 'committed')
    const rows = [1, 2, 3].map(seriesRow)
    assert.equal(await allRows(generation), rows)
    assert.equal((await chunks(generation)).flat(), rows)
    assert.equal(await generation.read([key('A', 3), key('A', 9), key('A', 1)]), [
      rows[2],
      undefined,
      rows[0],
    ])
    assert.equal(checkpointOf(await generation.checkpoint()), [
      [0, { next: 3, applied: 3, origin: 'log-0' }],
    ])
  })

  test('series rows that exist already are no error and no second row', async ({ store }) => {
    const generation = await createSeries(store)
    await generation.commit(seriesCommit([1, 2, 3]))
    const again = seriesCommit([2, 3, 4], { from: 3, to: 6, applied: 4 })
    assert.is(await generation.commit(again), 'committed')
    assert.equal(await allRows(generation), [1, 2, 3, 4].map(seriesRow))
  })

  test('a commit without rows moves the checkpoint', async ({ store }) => {
    const generation = await createSeries(store)
    assert.is(
      await generation.commit(seriesCommit([], { from: 0, to: 7, applied: 0 })),
      'committed',
    )
    assert.is(await generation.commit(seriesCommit([1], { from: 7, to: 8 })), 'committed')
    assert.is((await generation.checkpoint()).get(0)?.next, 8)
  })
}

function describeState(test: Define) {
  test('a state row keeps its value, guard and count', async ({ store }) => {
    const generation = await createState(store)
    await generation.commit(stateCommit([stateWrite('A', '0:4', null, 5), stateWrite('B', '0:3')]))
    assert.equal(await allRows(generation), [stateRow('A', '0:4', 5), stateRow('B', '0:3')])
    const next = stateCommit([stateWrite('A', '0:9', '0:4', 8)], { from: 5, to: 10 })
    assert.is(await generation.commit(next), 'committed')
    assert.equal(await generation.read([key('A')]), [stateRow('A', '0:9', 8)])
    assert.equal((await chunks(generation)).flat(), [stateRow('A', '0:9', 8), stateRow('B', '0:3')])
  })

  test('a commit on a row that has moved answers moved and leaves the row', async ({ store }) => {
    const generation = await createState(store)
    await generation.commit(stateCommit([stateWrite('A', '0:4')]))
    const stale = ['0:3', '0:5', null]
    for (const expected of stale) {
      const late = stateCommit([stateWrite('A', '0:9', expected)], { from: 5, to: 10 })
      assert.is(await generation.commit(late), 'moved', String(expected))
    }
    assert.equal(await generation.read([key('A')]), [stateRow('A', '0:4')])
    assert.is((await generation.checkpoint()).get(0)?.next, 5)
  })

  test('a commit on a row that is gone answers moved and writes no row', async ({ store }) => {
    const generation = await createState(store)
    const late = stateCommit([stateWrite('A', '0:9', '0:4')])
    assert.is(await generation.commit(late), 'moved')
    assert.equal(await generation.read([key('A')]), [undefined])
    assert.is((await generation.checkpoint()).size, 0)
  })

  test('one moved row among many keeps the checkpoint where it was', async ({ store }) => {
    const generation = await createState(store)
    await generation.commit(stateCommit([stateWrite('A', '0:4'), stateWrite('C', '0:3')]))
    const writes = [
      stateWrite('A', '0:9', '0:4'),
      stateWrite('B', '0:8', null),
      stateWrite('C', '0:7', '0:2'),
    ]
    assert.is(await generation.commit(stateCommit(writes, { from: 5, to: 10 })), 'moved')
    assert.is((await generation.checkpoint()).get(0)?.next, 5)
    assert.equal(await generation.read([key('C')]), [stateRow('C', '0:3')])
    await assertOldOrNew(generation, 'A', ['0:4', '0:9'])
    await assertOldOrNew(generation, 'B', [undefined, '0:8'])
  })
}

/** Without transactions the rows before the stale one may be written: whole, with their guards. */
async function assertOldOrNew(
  generation: Generation,
  symbol: string,
  guards: readonly (string | undefined)[],
) {
  const [row] = await generation.read([key(symbol)])
  const rows = guards.map((guard) => (guard === undefined ? undefined : stateRow(symbol, guard)))
  assert.ok(rows.some((one) => JSON.stringify(one) === JSON.stringify(row)))
}

function describeCheckpoints(test: Define) {
  test('a commit from another checkpoint answers moved and changes nothing', async ({ store }) => {
    const generation = await createSeries(store)
    assert.is(await generation.commit(seriesCommit([1], { from: 1, to: 2 })), 'moved')
    assert.equal(await allRows(generation), [])
    await generation.commit(seriesCommit([1, 2, 3]))
    for (const from of [0, 2, 4]) {
      assert.is(await generation.commit(seriesCommit([9], { from, to: 10 })), 'moved', `${from}`)
    }
    assert.equal(await allRows(generation), [1, 2, 3].map(seriesRow))
    assert.is((await generation.checkpoint()).get(0)?.next, 3)

    const state = await createState(store)
    const early = stateCommit([stateWrite('A', '0:9')], { from: 5, to: 10 })
    assert.is(await state.commit(early), 'moved')
    assert.equal(await allRows(state), [])
  })

  test('a revision, if the store has it, changes with every commit of any handle', async (context) => {
    const generation = await createState(context.store)
    if (generation.revision === undefined) return
    const rival = await (await context.another()).open(generation.info.id)
    const seen = new Set([generation.revision()])
    for (const [from, writer] of [generation, rival, generation, rival].entries()) {
      const expected = from === 0 ? null : `0:${from - 1}`
      const write = stateWrite('A', `0:${from}`, expected)
      assert.is(await writer.commit(stateCommit([write], { from, to: from + 1 })), 'committed')
      await eventually(() => !seen.has(generation.revision?.() ?? ''))
      seen.add(generation.revision())
      assert.is(generation.revision(), generation.revision())
    }
    assert.is(seen.size, 5)
  })

  test('of two commits at once from one checkpoint, one wins', async ({ store, another }) => {
    const generation = await createState(store)
    const rival = await (await another()).open(generation.info.id)
    for (let from = 0; from < 50; from += 5) {
      const expected = from === 0 ? null : `0:${from - 1}`
      const commit = (count: number) =>
        stateCommit([stateWrite('A', `0:${from + 4}`, expected, count)], { from, to: from + 5 })
      const answers = await Promise.all([generation.commit(commit(1)), rival.commit(commit(2))])
      assert.equal([...answers].sort(), ['committed', 'moved'])
      const [row] = await generation.read([key('A')])
      assert.is(row?.count, answers[0] === 'committed' ? 1 : 2)
    }
  })

  test('of five commits at once, one wins, however far each goes', async ({ store, another }) => {
    const generation = await createState(store)
    const others = range(1, 5).map(async () => (await another()).open(generation.info.id))
    const rivals = [generation, ...(await Promise.all(others))]
    for (let round = 0, from = 0; round < 10; round++) {
      const rows = await generation.read(foldedSymbols.map((symbol) => key(symbol)))
      const commits = rivals.map((_, i) => foldedCommit(rows, from, from + 3 + ((i + round) % 5)))
      const answers = await Promise.all(
        rivals.map((rival, i) => rival.commit(commits[i] as Commit)),
      )
      const winners = commits.filter((_, i) => answers[i] === 'committed')
      assert.is(winners.length, 1, `${round}: ${answers}`)
      from = (await generation.checkpoint()).get(0)?.next ?? 0
      assert.is(from, winners[0]?.to)
      assertFolded(await allRows(generation), from)
    }
  })

  test('partitions move on their own and keep their counts and origins', async ({
    store,
    another,
  }) => {
    const generation = await createSeries(store)
    await Promise.all(
      [0, 1, 11].map((partition) =>
        generation.commit(
          seriesCommit([partition], {
            partition,
            to: 4,
            applied: partition,
            origin: `log-${partition}`,
          }),
        ),
      ),
    )
    await generation.commit(
      seriesCommit([9], { partition: 1, from: 4, to: 2 ** 53 - 1, applied: 7 }),
    )
    const seen = await (await another()).open(generation.info.id)
    assert.equal(checkpointOf(await seen.checkpoint()), [
      [0, { next: 4, applied: 0, origin: 'log-0' }],
      [1, { next: 2 ** 53 - 1, applied: 7, origin: 'log-0' }],
      [11, { next: 4, applied: 11, origin: 'log-11' }],
    ])
  })
}

const foldedSymbols = ['A', 'AA', 'AAA']

/** Each symbol has every third event, which is what its row counts. */
const eventsOf = (at: number, from: number, to: number) =>
  range(from, to).filter((offset) => offset % foldedSymbols.length === at)

/** As a projector folds them: a row skips the events that it has already. */
function foldedCommit(rows: readonly (StoredRow | undefined)[], from: number, to: number): Commit {
  const writes = foldedSymbols.flatMap((symbol, at) => {
    const { guard: expected = null, count = 0 } = rows[at] ?? {}
    const next = Number(expected?.slice('0:'.length) ?? -1) + 1
    const fresh = eventsOf(at, Math.max(from, next), to)
    const last = fresh.at(-1)
    if (last === undefined) return []
    return [stateWrite(symbol, `0:${last}`, expected, (count ?? 0) + fresh.length)]
  })
  return stateCommit(writes, { from, to, applied: to })
}

/** Each row has every event below the checkpoint, and counts all those up to its guard. */
function assertFolded(rows: readonly StoredRow[], checkpoint: number) {
  for (const [at, { guard, count }] of rows.entries()) {
    const next = Number(guard?.slice('0:'.length)) + 1
    assert.is(count, eventsOf(at, 0, next).length)
    assert.equal(eventsOf(at, next, checkpoint), [])
  }
  assert.is(rows.length, foldedSymbols.length)
}

function describePages(test: Define) {
  test('pages keep to their bounds and limit in both directions', async ({ store }) => {
    const generation = await createSeries(store)
    await generation.commit(seriesCommit(range(0, 20)))
    const bounds = { from: key('A', 5), to: key('A', 15) }
    const numbers = async (options: { limit: number; reverse: boolean }) =>
      (await generation.page({ ...bounds, ...options })).map((row) => row.value.n)
    assert.equal(await numbers({ limit: 100, reverse: false }), range(5, 15))
    assert.equal(await numbers({ limit: 100, reverse: true }), range(5, 15).reverse())
    assert.equal(await numbers({ limit: 3, reverse: false }), [5, 6, 7])
    assert.equal(await numbers({ limit: 3, reverse: true }), [14, 13, 12])
  })

  test('a page between keys that are not there, or of nothing, is right', async ({ store }) => {
    const generation = await createSeries(store)
    await generation.commit(seriesCommit([2, 4, 6]))
    const numbers = async (from: Key, to: Key, reverse: boolean) =>
      (await generation.page({ from, to, limit: 9, reverse })).map((row) => row.value.n)
    for (const reverse of [false, true]) {
      assert.equal(await numbers(key('A', 3), key('A', 5), reverse), [4])
      assert.equal(await numbers(key('A', 5), key('A', 6), reverse), [])
      assert.equal(await numbers(key('A', 4), key('A', 4), reverse), [])
      assert.equal(await numbers(key('A', 6), key('A', 2), reverse), [])
    }
  })

  test('keys stand in the byte order of their symbols, then of their numbers', async ({
    store,
  }) => {
    const generation = await createSeries(store)
    const keys = awkwardSymbols.flatMap((symbol) =>
      [0, 9, 10, 99, 1_763_645_583_544, 2 ** 53 - 1].map((time) => encodeKey([symbol, time, 0, 3])),
    )
    const writes = keys.map((key, n) => ({ key, value: { n } }))
    await generation.commit({ ...seriesCommit([]), rows: { kind: 'series', writes } })
    const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    assert.equal(
      (await chunks(generation)).flat().map((row) => row.key),
      sorted,
    )
  })

  test('the keys under a symbol are its own, though one symbol begins another', async ({
    store,
  }) => {
    const generation = await createSeries(store)
    const writes = awkwardSymbols.flatMap((symbol) =>
      range(8, 12).map((n) => ({ key: encodeKey([symbol, n, 1, n]), value: { symbol, n } })),
    )
    await generation.commit({ ...seriesCommit([]), rows: { kind: 'series', writes } })
    for (const symbol of awkwardSymbols) {
      const page = { ...keysUnder([symbol]), limit: 100, reverse: false }
      const expected = range(8, 12).map((n) => ({ symbol, n }))
      assert.equal(
        (await generation.page(page)).map((row) => row.value),
        expected,
      )
      const reversed = await generation.page({ ...page, reverse: true })
      assert.equal(
        reversed.map((row) => row.value),
        [...expected].reverse(),
      )
      const of9 = { ...keysUnder([symbol, 9]), limit: 100, reverse: false }
      assert.equal(
        (await generation.page(of9)).map((row) => row.value),
        [{ symbol, n: 9 }],
      )
    }
  })

  test('a scan gives every row once, in order', async ({ store }) => {
    const generation = await createSeries(store)
    const numbers = range(0, 1700)
    await generation.commit(seriesCommit(numbers))
    const seen = (await chunks(generation)).flat().map((row) => row.value.n)
    assert.equal(seen, numbers)
  })

  test('a count says how many rows there are, and events in them', async ({ store }) => {
    const series = await createSeries(store)
    assert.equal(await series.count(), { rows: 0, events: 0 })
    await series.commit(seriesCommit(range(0, 1200)))
    assert.equal(await series.count(), { rows: 1200, events: 0 })
    const state = await createState(store)
    const writes = [stateWrite('A', '0:3', null, 3), stateWrite('B', '0:4', null, 4)]
    assert.is(await state.commit(stateCommit(writes)), 'committed')
    assert.equal(await state.count(), { rows: 2, events: 7 })
  })

  test('an aborted read rejects with the reason', async ({ store }) => {
    const generation = await createSeries(store)
    await generation.commit(seriesCommit(range(0, 10)))
    const reason = new Error('client went away')
    const signal = AbortSignal.abort(reason)
    const bounds = { from: key('A', 0), to: key('A', 10), limit: 3, reverse: false }
    assert.is(await rejection(generation.page({ ...bounds, signal })), reason)
    assert.is(await rejection(generation.read([key('A', 1)], signal)), reason)
    assert.is(await rejection(chunks(generation, signal)), reason)
  })
}

function describeValues(test: Define) {
  test('values come back exactly', async ({ store, another }) => {
    const series = await createSeries(store)
    const state = await createState(store)
    const keys = exactValues.map((_, n) => key('A', n))
    const seriesWrites = exactValues.map((value, n) => ({ key: key('A', n), value }))
    await series.commit({ ...seriesCommit([]), rows: { kind: 'series', writes: seriesWrites } })
    await state.commit(
      stateCommit(seriesWrites.map((one) => ({ ...one, guard: '0:1', count: 1, expected: null }))),
    )
    const elsewhere = await another()
    for (const generation of [series, state]) {
      const seen = await (await elsewhere.open(generation.info.id)).read(keys)
      assert.equal(
        seen.map((row) => row?.value),
        exactValues,
      )
    }
  })
}

function describeGenerations(test: Define) {
  test('generations are listed oldest first, of one model or of all', async ({
    store,
    another,
  }) => {
    assert.equal(await store.generations(), [])
    const created = []
    for (const model of ['symbols', 'trades', 'symbols', 'symbols-by-day']) {
      const generation = await store.create({ model, version: created.length, kind: 'state' })
      created.push(generation.info)
      await eventually(() => Date.now() > generation.info.createdAt)
    }
    const elsewhere = await another()
    assert.equal(await elsewhere.generations(), created)
    assert.equal(await elsewhere.generations('symbols'), [created[0], created[2]])
    assert.equal(await elsewhere.generations('none'), [])
    assert.equal(
      created.map((info) => info.version),
      [0, 1, 2, 3],
    )
  })

  test('ids rise with time, fit a file name, and are never the same', async ({ store }) => {
    const ids: string[] = []
    for (let round = 0; round < 3; round++) {
      const { info } = await createSeries(store)
      assert.match(info.id, /^trades-[0-9]{8}t[0-9]{9}-[0-9a-f]+$/)
      assert.ok(Math.abs(info.createdAt - Date.now()) < 60_000)
      ids.push(info.id)
      await store.drop(info.id)
      await eventually(() => Date.now() > info.createdAt)
    }
    assert.equal([...new Set(ids)].sort(), ids)
  })

  test('a generation is opened by its id from another handle', async ({ store, another }) => {
    const generation = await createSeries(store)
    await generation.commit(seriesCommit([1, 2]))
    const opened = await (await another()).open(generation.info.id)
    assert.equal(opened.info, generation.info)
    assert.is(opened.info.kind, 'series')
    assert.equal(await allRows(opened), [1, 2].map(seriesRow))
    await opened.commit(seriesCommit([3], { from: 2, to: 3 }))
    assert.equal(await allRows(generation), [1, 2, 3].map(seriesRow))
  })

  test('generations of one model keep their rows apart', async ({ store }) => {
    const [first, second] = [await createSeries(store), await createSeries(store)]
    await first.commit(seriesCommit([1]))
    assert.equal(await allRows(second), [])
    assert.is((await second.checkpoint()).size, 0)
  })

  test('an unknown id is refused, and dropping it does nothing', async ({ store }) => {
    await rejectsWith('GENERATION_DROPPED', store.open('trades-20200101t000000000-00000000'))
    await store.drop('trades-20200101t000000000-00000000')
    assert.equal(await store.generations(), [])
  })

  test('a dropped generation is gone for good, for every handle', async ({ store, another }) => {
    const [doomed, kept] = [await createSeries(store), await createSeries(store)]
    const elsewhere = await (await another()).open(doomed.info.id)
    await doomed.commit(seriesCommit([1]))
    await kept.commit(seriesCommit([2]))
    await store.drop(doomed.info.id)
    await store.drop(doomed.info.id)
    for (const generation of [doomed, elsewhere]) {
      await assertAllReject('GENERATION_DROPPED', generationCalls(generation))
    }
    await rejectsWith('GENERATION_DROPPED', store.open(doomed.info.id))
    assert.equal(await store.generations(), [kept.info])
    assert.equal(await allRows(kept), [seriesRow(2)])
  })
}

function describePointers(test: Define) {
  const pointer = (active: string, former: string | null, leftVersion: number | null = null) => ({
    model: 'trades',
    active,
    former,
    promotedAt: 1_763_645_583_544,
    leftVersion,
    newest: active,
  })

  test('a pointer is set only if the active generation is as expected', async ({
    store,
    another,
  }) => {
    assert.is(await store.pointer('trades'), undefined)
    assert.is(await store.promote(pointer('g2', 'g1'), 'g1'), false)
    assert.is(await store.pointer('trades'), undefined)
    assert.is(await store.promote(pointer('g1', null), null), true)
    assert.is(await store.promote(pointer('g2', null), null), false)
    assert.equal(await store.pointer('trades'), pointer('g1', null))
    assert.is(await store.promote(pointer('g2', 'g1', 3), 'g1'), true)
    assert.equal(await (await another()).pointer('trades'), pointer('g2', 'g1', 3))
    assert.is(await store.pointer('symbols'), undefined)
  })

  test('of two promotions at once, one wins', async ({ store, another }) => {
    const rival = await another()
    for (const expected of [null, 'g1', 'g2']) {
      const next = expected === null ? 'g1' : expected === 'g1' ? 'g2' : 'g3'
      const answers = await Promise.all(
        [store, rival].map((one) => one.promote(pointer(next, expected), expected)),
      )
      assert.equal(answers.sort(), [false, true])
    }
  })
}

function describeLeases(test: Define, ttlMs: number) {
  test('a lease has one holder, renewed while it lives', async ({ store, another }) => {
    const rival = await another()
    assert.is(await store.leaseHolder('build'), undefined)
    const lease = await store.lease('build', { ttlMs })
    assert.is(lease?.name, 'build')
    assert.type(await rival.leaseHolder('build'), 'string')
    const end = Date.now() + 2 * ttlMs
    await eventually(async () => {
      assert.is(await rival.lease('build', { ttlMs }), undefined)
      assert.is(await lease?.held(), true)
      return Date.now() > end
    })
    const other = await rival.lease('verify', { ttlMs })
    assert.ok(other)
  })

  test('a released lease is free at once', async ({ store, another }) => {
    const rival = await another()
    for (const one of [store, rival, rival, store]) {
      const lease = await one.lease('build', { ttlMs })
      assert.ok(lease)
      await lease.release()
      await lease.release()
      assert.is(await lease.held(), false)
      assert.is(await store.leaseHolder('build'), undefined)
    }
  })

  test('a holder that hangs beyond its time has lost the lease', async ({ store, another }) => {
    const rival = await another()
    const lost = await store.lease('build', { ttlMs })
    assert.ok(lost)
    blockThread(1.5 * ttlMs)
    const taken = await eventually(() => rival.lease('build', { ttlMs }))
    assert.is(await lost.held(), false)
    await lost.release()
    assert.is(await taken.held(), true)
    assert.is(await store.lease('build', { ttlMs }), undefined)
  })

  test('a closed store releases its leases', async ({ store, another }) => {
    const holder = await another()
    const lease = await holder.lease('build', { ttlMs: 60_000 })
    assert.ok(lease)
    await holder.close()
    assert.is(await lease.held(), false)
    await lease.release()
    assert.ok(await store.lease('build', { ttlMs }))
  })
}

/** Meanwhile nothing runs, not even a timer: this is how a process hangs. */
function blockThread(ms: number) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

const skip = { model: 'trades', partition: 0, offset: 41, origin: 'log-0', why: 'bad', at: 7 }

function describeSkips(test: Define) {
  test('a skip is kept once, and listed oldest first, of one model or of all', async ({
    store,
    another,
  }) => {
    assert.equal(await store.skips(), [])
    const later = { ...skip, model: 'symbols', at: 9 }
    const ofOtherLog = { ...skip, origin: 'log-1', at: 8 }
    assert.is(await store.addSkip(later), true)
    assert.is(await store.addSkip(skip), true)
    assert.is(await store.addSkip(ofOtherLog), true)
    assert.is(await store.addSkip({ ...skip, why: 'again', at: 10 }), false)
    const other = await another()
    assert.equal(await other.skips(), [skip, ofOtherLog, later])
    assert.equal(await other.skips('symbols'), [later])
    assert.equal(await other.skips('nobody'), [])
  })

  test('a skip is removed once', async ({ store, another }) => {
    await store.addSkip(skip)
    await store.addSkip({ ...skip, offset: 42 })
    const other = await another()
    assert.is(await other.removeSkip({ ...skip, origin: 'log-1' }), false)
    assert.is(await other.removeSkip(skip), true)
    assert.is(await other.removeSkip(skip), false)
    assert.equal(await store.skips(), [{ ...skip, offset: 42 }])
    assert.is(await store.addSkip(skip), true)
  })
}

function describeStatuses(test: Define) {
  test('statuses are kept one per source, newest first', async ({ store, another }) => {
    assert.equal(await store.statuses(), [])
    const before = Date.now()
    for (const [source, step] of [
      ['project:1', 1],
      ['replay:trades', 2],
      ['project:1', 3],
    ] as const) {
      await store.writeStatus(source, { kind: source, steps: [{ step }], error: null })
      const writtenAt = Date.now()
      await eventually(() => Date.now() > writtenAt)
    }
    const statuses = await (await another()).statuses()
    assert.equal(
      statuses.map(({ source, status }) => [source, status]),
      [
        ['project:1', { kind: 'project:1', steps: [{ step: 3 }], error: null }],
        ['replay:trades', { kind: 'replay:trades', steps: [{ step: 2 }], error: null }],
      ],
    )
    for (const { writtenAt } of statuses) assert.ok(writtenAt >= before && writtenAt <= Date.now())
  })
}

function describeClose(test: Suite, place: () => OpenStore, timeoutMs: number) {
  test(
    'after close every call is refused, and what was committed is there',
    async () => {
      const open = place()
      const store = await open()
      const generation = await createSeries(store)
      await generation.commit(seriesCommit([1]))
      await Promise.all([store.close(), store.close()])
      await store.close()
      await assertAllReject('READ_MODEL_STORE_CLOSED', storeCalls(store, generation.info.id))
      await assertAllReject('READ_MODEL_STORE_CLOSED', generationCalls(generation))
      const again = await open()
      try {
        assert.equal(await allRows(await again.open(generation.info.id)), [seriesRow(1)])
      } finally {
        await again.close()
      }
    },
    { timeoutMs },
  )

  test(
    'closing waits for a commit in flight',
    async () => {
      const open = place()
      const store = await open()
      const generation = await createSeries(store)
      const commit = generation.commit(seriesCommit(range(0, 500)))
      await store.close()
      assert.is(await commit, 'committed')
      const again = await open()
      try {
        const rows = await allRows(await again.open(generation.info.id))
        assert.equal(
          rows.map((row) => row.value.n),
          range(0, 500),
        )
      } finally {
        await again.close()
      }
    },
    { timeoutMs },
  )
}

const storeCalls = (store: ReadModelStore, id: string): Record<string, () => Promise<unknown>> => ({
  generations: () => store.generations(),
  create: () => store.create({ model: 'trades', version: 1, kind: 'series' }),
  open: () => store.open(id),
  drop: () => store.drop(id),
  pointer: () => store.pointer('trades'),
  promote: () =>
    store.promote(
      { model: 'trades', active: id, newest: id, former: null, promotedAt: 0, leftVersion: null },
      null,
    ),
  lease: () => store.lease('build', { ttlMs: 1000 }),
  leaseHolder: () => store.leaseHolder('build'),
  skips: () => store.skips(),
  addSkip: () => store.addSkip(skip),
  removeSkip: () => store.removeSkip(skip),
  writeStatus: () => store.writeStatus('project:1', {}),
  statuses: () => store.statuses(),
})

const generationCalls = (generation: Generation): Record<string, () => Promise<unknown>> => ({
  checkpoint: () => generation.checkpoint(),
  read: () => generation.read([key('A', 1)]),
  commit: () => generation.commit(seriesCommit([2], { from: 1, to: 2 })),
  page: () => allRows(generation),
  count: () => generation.count(),
  scan: () => chunks(generation),
})

async function assertAllReject(code: ErrorCode, calls: Record<string, () => Promise<unknown>>) {
  for (const [name, call] of Object.entries(calls)) await rejectsWith(code, call(), name)
}

async function rejectsWith(code: ErrorCode, promise: Promise<unknown>, name: string = code) {
  const error = await rejection(promise)
  assert.ok(hasCode(error, code), `${name}: ${String(error)} is not ${code}`)
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('the call resolved, but should reject')
}

const createSeries = (store: ReadModelStore) =>
  store.create({ model: 'trades', version: 1, kind: 'series' })

const createState = (store: ReadModelStore) =>
  store.create({ model: 'symbols', version: 1, kind: 'state' })

const key = (symbol: string, ...numbers: number[]): Key => encodeKey([symbol, ...numbers])

const seriesRow = (n: number): StoredRow => ({
  key: key('A', n),
  value: { n },
  guard: null,
  count: null,
})

type CommitFields = Partial<Omit<Commit, 'rows'>>

const seriesCommit = (numbers: readonly number[], fields: CommitFields = {}): Commit => ({
  partition: 0,
  from: 0,
  to: Math.max(numbers.length, 1),
  applied: numbers.length,
  origin: 'log-0',
  ...fields,
  rows: { kind: 'series', writes: numbers.map((n) => ({ key: key('A', n), value: { n } })) },
})

const stateWrite = (
  symbol: string,
  guard: string,
  expected: string | null = null,
  count = 1,
): StateWrite => ({ key: key(symbol), value: { symbol, count }, guard, count, expected })

const stateRow = (symbol: string, guard: string, count = 1): StoredRow => ({
  key: key(symbol),
  value: { symbol, count },
  guard,
  count,
})

const stateCommit = (writes: readonly StateWrite[], fields: CommitFields = {}): Commit => ({
  partition: 0,
  from: 0,
  to: 5,
  applied: 5,
  origin: 'log-0',
  ...fields,
  rows: { kind: 'state', writes },
})

const allRows = (generation: Generation) =>
  generation.page({ ...keysUnder(['A']), to: '\u{10ffff}', limit: 1000, reverse: false })

async function chunks(generation: Generation, signal?: AbortSignal) {
  const all: (readonly StoredRow[])[] = []
  for await (const chunk of generation.scan(signal === undefined ? {} : { signal })) all.push(chunk)
  return all
}

const checkpointOf = (checkpoint: Awaited<ReturnType<Generation['checkpoint']>>) =>
  [...checkpoint].sort(([a], [b]) => a - b)

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, n) => from + n)

/** 128 bytes, the most for a symbol: beyond the 64 characters at which encoders change. */
const longest = 'X'.repeat(128)

const awkwardSymbols = [
  'A',
  'AA',
  'A A',
  'A.B',
  'B',
  '__proto__',
  'BINANCE:BTCUSDT',
  'IC MARKETS:1',
  'KRAKEN:XBT/USD',
  '$where',
  'é',
  'ü'.repeat(40),
  '名',
  '\uffee',
  '😀',
  '😀😀',
  'X'.repeat(40),
  longest.slice(1),
  longest,
]

const exactValues: readonly Row[] = [
  {},
  { price: '196.380000000000000000000000000000000000000000000000001', volume: '-0.5' },
  { text: 'naïve 😀 \u0000 \u2028 "quoted" \\ $a.b', empty: '' },
  { nothing: null, no: false, yes: true, list: [], nested: [{ a: [{ b: [1, null] }] }] },
  { numbers: [0, 1, -1, 255, 65_536, 2 ** 31, 2 ** 32, 2 ** 53 - 1, -(2 ** 53 - 1)] },
  { fractions: [0.1, 0.1 + 0.2, 1e-300, 1.7976931348623157e308, -0.30000000000000004] },
  { long: 'x'.repeat(5000), many: range(0, 300).map((n) => ({ n, text: `${n}` })) },
]
