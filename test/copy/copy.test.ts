import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type CopySource, type CopyTarget, copy } from '../../src/copy/copy.ts'
import { logSource, logTarget, refuseSameLog, takeWriterRole } from '../../src/copy/logs.ts'
import { hasCode, TradelogError } from '../../src/domain/errors.ts'
import type { RawRecord } from '../../src/domain/recorded-event.ts'
import { openEmbeddedEventStore } from '../../src/event-store/embedded/embedded-event-store.ts'
import type { EventStore } from '../../src/event-store/event-store.ts'
import { eventually } from '../support/eventually.ts'
import { seededRandom, testSeed } from '../support/random.ts'
import { someTrades } from '../support/some-trades.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { trade } from '../support/trade.ts'

const test = suite('copying a log')

const { signal } = new AbortController()

type Log = Readonly<{ store: EventStore; directory: string; partitions: number }>

/** Opens logs with these numbers of partitions, and closes them. */
async function withLogs(counts: readonly number[], work: (...logs: Log[]) => Promise<void>) {
  const logs: Log[] = []
  for (const partitions of counts) {
    const directory = join(temporaryDirectory(), 'log')
    const store = await openEmbeddedEventStore({ directory, partitions })
    logs.push({ store, partitions, directory })
  }
  try {
    await work(...logs)
  } finally {
    for (const { store } of logs) await store.close()
  }
}

async function recordsOf({ store }: Log): Promise<RawRecord[]> {
  const records: RawRecord[] = []
  for (const { partition, head: to } of await store.heads()) {
    const range = { partition, from: 0, to, batchEventsMax: 1_000 }
    for await (const some of store.readRaw(range)) records.push(...some)
  }
  return records
}

/** Must be equal on both sides, whatever their partitions. */
function bySymbol(records: readonly RawRecord[]) {
  const symbols = new Map<string | null, string[]>()
  for (const { key, recordedAt, value } of records) {
    symbols.set(key, [...(symbols.get(key) ?? []), `${recordedAt} ${value}`])
  }
  return [...symbols].sort()
}

/** Trades of several record times, and one that this code can't read. */
async function fill({ store }: Log, trades: number, seed = 1) {
  const all = someTrades(trades, seed)
  for (let at = 0; at < all.length; at += 97) await store.append(all.slice(at, at + 97))
  const partition = (await store.heads()).findIndex(({ head }) => head > 0)
  const value = JSON.stringify({ ...trade(), version: 99, symbol: 'POISON' })
  await store.appendRaw([{ partition, offset: 0, recordedAt: 5, key: 'POISON', value }])
}

type Wrap = (source: CopySource, target: CopyTarget) => { source: CopySource; target: CopyTarget }

const copied = async (from: Log, to: Log, wrap: Wrap = (source, target) => ({ source, target })) =>
  copy({ ...wrap(await logSource(from.store), await logTarget(to.store)), signal })

async function codeOf(attempt: Promise<unknown>) {
  const error = await attempt.then(
    () => undefined,
    (failure: unknown) => failure,
  )
  assert.instance(error, TradelogError)
  return error as TradelogError
}

test('a log with the same number of partitions is equal to the last record', () =>
  withLogs([3, 3], async (from, to) => {
    await fill(from, 5_000)
    const result = await copied(from, to)
    assert.is(result.copied, 5_001)
    assert.is(result.records, 5_001)
    assert.equal(await recordsOf(to), await recordsOf(from))
  }))

test('a log of another partition count has every symbol in its order, and the same digest', () =>
  withLogs([3, 5, 3], async (from, to, back) => {
    await from.store.append(someTrades(5_000))
    const there = await copied(from, to)
    assert.equal(bySymbol(await recordsOf(to)), bySymbol(await recordsOf(from)))
    const again = await copied(to, back)
    assert.is(again.digest, there.digest)
    assert.equal(bySymbol(await recordsOf(back)), bySymbol(await recordsOf(from)))
  }))

test('a second run copies nothing, or what the source has grown by', () =>
  withLogs([3, 5, 3], async (from, other, same) => {
    await from.store.append(someTrades(1_000))
    for (const to of [other, same]) {
      const first = await copied(from, to)
      const again = await copied(from, to)
      assert.equal([again.copied, again.digest], [0, first.digest])
    }
    await from.store.append(someTrades(700, 2))
    for (const to of [other, same]) {
      assert.is((await copied(from, to)).copied, 700)
      assert.equal(bySymbol(await recordsOf(to)), bySymbol(await recordsOf(from)))
    }
    assert.equal(await recordsOf(same), await recordsOf(from))
  }))

test('no other process writes into a target while a copy does', () =>
  withLogs([3], async ({ store, directory, partitions }) => {
    const role = await takeWriterRole(store)
    const other = await openEmbeddedEventStore({ directory, partitions })
    const states: boolean[] = []
    const standing = other.elect('ingest').subscribe((isElected) => states.push(isElected))
    await eventually(() => states.length > 0)
    assert.equal(states, [false])
    role.close()
    await eventually(() => states.at(-1))
    standing.unsubscribe()
    await other.close()
  }))

test('an append whose answer was lost is repeated, and is in the target once', () =>
  withLogs([3, 3], async (from, to) => {
    await from.store.append(someTrades(5_000))
    let calls = 0
    const flaky: EventStore = {
      ...to.store,
      appendRaw: async (records) => {
        await to.store.appendRaw(records)
        if (calls++ % 2 === 0) throw new TradelogError('EVENT_STORE_UNAVAILABLE', 'no answer')
      },
    }
    const attempt = copy({
      source: await logSource(from.store),
      target: await logTarget(onlyOnce(flaky)),
      signal,
    })
    assert.is((await attempt).copied, 5_000)
    assert.equal(await recordsOf(to), await recordsOf(from))
  }))

test('any other error of an append ends the copy, and the next run compares again', () =>
  withLogs([3, 3], async (from, to) => {
    await from.store.append(someTrades(100))
    for (const code of ['ELECTION_LAPSED', 'NOT_THE_ACTIVE_WRITER'] as const) {
      let calls = 0
      const appendRaw = async () => {
        calls += 1
        throw new TradelogError(code, 'another one')
      }
      const target = await logTarget({ ...to.store, appendRaw })
      const attempt = copy({ source: await logSource(from.store), target, signal })
      assert.is((await codeOf(attempt)).code, code)
      assert.is(calls, 1)
    }
  }))

test('an empty log is copied', () =>
  withLogs([3, 3], async (from, to) => {
    assert.equal((await copied(from, to)).records, 0)
  }))

/** Like a producer of Kafka: it recognizes an array whose answer was lost. */
function onlyOnce(store: EventStore): EventStore {
  const done = new Set<unknown>()
  const appendRaw = async (records: readonly RawRecord[]) => {
    if (done.has(records)) return
    done.add(records)
    await store.appendRaw(records)
  }
  return { ...store, appendRaw }
}

class Killed extends Error {}

/** Dies before an append, or right after it. */
const dying =
  (random: () => number): Wrap =>
  (source, target) => ({
    source,
    target: {
      ...target,
      append: async (records) => {
        // Small, so that there are many points to die at.
        for (let at = 0; at < records.length; at += 50) {
          if (random() < 0.05) throw new Killed()
          await target.append(records.slice(at, at + 50))
        }
      },
    },
  })

for (const counts of [
  [3, 3],
  [3, 5],
] as const) {
  test(
    `killed at any point, from ${counts[0]} to ${counts[1]} partitions, it continues`,
    async () => {
      for (let round = 0; round < 4; round++) {
        const random = seededRandom(testSeed + round)
        await withLogs(counts, async (from, to) => {
          await from.store.append(someTrades(3_000, testSeed + round))
          for (let kills = 0; kills < 200; kills++) {
            const error = await copied(from, to, dying(random)).then(
              () => undefined,
              (failure: unknown) => failure,
            )
            if (error === undefined) break
            assert.instance(error, Killed)
            if (random() < 0.3) await from.store.append(someTrades(50, kills))
          }
          await copied(from, to)
          assert.equal(bySymbol(await recordsOf(to)), bySymbol(await recordsOf(from)))
          if (counts[0] === counts[1]) assert.equal(await recordsOf(to), await recordsOf(from))
        })
      }
    },
    { timeoutMs: 60_000 },
  )
}

/** Targets that hold something else, of the same and of another partition count. */
const others: Readonly<Record<string, (from: Log, to: Log) => Promise<void>>> = {
  'of another log': (_, { store }) => store.append(someTrades(100, 7)),
  'that holds more': (_, { store }) => store.append([...someTrades(300), trade()]),
  'that holds one record that the source never had': async (from, to) => {
    await copied(from, to)
    await to.store.append([trade({ price: '0.5' })])
  },
}

for (const [what, make] of Object.entries(others)) {
  test(`a target ${what} is refused and not changed`, async () => {
    for (const counts of [
      [3, 3],
      [3, 4],
    ]) {
      await withLogs(counts, async (from, to) => {
        await from.store.append(someTrades(300))
        await make(from, to)
        const before = await recordsOf(to)
        assert.is((await codeOf(copied(from, to))).code, 'COPY_TARGET_DIFFERS')
        assert.equal(await recordsOf(to), before)
      })
    }
  })
}

test('a log is not copied into itself', () =>
  withLogs([3], async ({ store }) => {
    assert.is((await codeOf(refuseSameLog(store, store))).code, 'COPY_REFUSED')
  }))

test('a source that has lost its beginning is refused', () =>
  withLogs([3], async ({ store }) => {
    await store.append(someTrades(10))
    const heads = async () => (await store.heads()).map((bounds) => ({ ...bounds, start: 1 }))
    assert.ok(hasCode(await codeOf(logSource({ ...store, heads })), 'LOG_TRUNCATED'))
  }))

test('a record without a symbol keeps its partition, or is refused with its position', () =>
  withLogs([3, 3, 4], async (from, same, other) => {
    await from.store.append(someTrades(10))
    const foreign = { partition: 1, offset: 0, recordedAt: 5, key: null, value: '{"what":1}' }
    await from.store.appendRaw([foreign])
    await copied(from, same)
    assert.equal(await recordsOf(same), await recordsOf(from))
    const { code, fields } = await codeOf(copied(from, other))
    assert.is(code, 'COPY_REFUSED')
    const at = (await recordsOf(from)).find(({ key }) => key === null)
    assert.equal(fields, { partition: at?.partition, offset: at?.offset })
  }))

test('a record that an embedded log would change is refused with its position', () =>
  withLogs([3], async (to) => {
    const values = [null, 'no JSON', '{ "symbol":"A"}', '{"symbol":"A","n":1.0}', '{"symbol":"B"}']
    for (const value of values) {
      const record = { partition: 0, offset: 7, recordedAt: 5, key: 'A', value }
      const error = await codeOf(to.store.appendRaw([record]))
      assert.is(error.code, 'COPY_REFUSED')
      assert.match(error.message, 'partition 0, offset 7')
    }
    assert.equal(await recordsOf(to), [])
  }))

test('another writer into the target is noticed', () =>
  withLogs([3, 3], async (from, to) => {
    await from.store.append(someTrades(300))
    const meddled: Wrap = (source, target) => ({
      source,
      target: {
        ...target,
        flush: async () => {
          await to.store.append([trade()])
          await target.flush()
        },
      },
    })
    const error = await codeOf(copied(from, to, meddled))
    assert.is(error.code, 'COPY_TARGET_DIFFERS')
    assert.match(error.message, 'something else has written')
  }))

test.run()
