import * as assert from 'uvu/assert'
import { hasCode, TradelogError } from '../../src/domain/errors.ts'
import { partitionOf } from '../../src/domain/partition.ts'
import type { LogRecord } from '../../src/domain/recorded-event.ts'
import type { TradeExecuted } from '../../src/domain/trade-executed.ts'
import type { EventStore, ReadOptions, Slice } from '../../src/event-store/event-store.ts'
import { eventually } from '../support/eventually.ts'
import { type Suite, suite } from '../support/suite.ts'
import { trade } from '../support/trade.ts'
import { hold, readGroup, rejection } from './event-store-reader.ts'

/** An empty log of its own, on which several stores may be open at once, as in several processes. */
export type TestLog = Readonly<{
  partitions: number
  open: () => Promise<EventStore>
  /** Adds a record that tradelog never wrote: any JSON value, where this symbol's events go. */
  appendForeign: (symbol: string, value: unknown) => Promise<void>
  /** Called when the stores of the test are closed. */
  remove?: () => Promise<void>
}>

export type ContractOptions = Readonly<{
  /** For every wait and test; a log whose groups take seconds to form needs more. */
  timeoutMs?: number
}>

type OpenStore = () => Promise<EventStore>
type Body = (log: TestLog & { open: OpenStore }) => Promise<void>
type Define = (name: string, body: Body) => void
type Until = <T>(check: () => T | Promise<T>) => Promise<NonNullable<T>>

/** What every event store does. `createLog` is called for each test. */
export const eventStoreContract = (
  title: string,
  createLog: () => Promise<TestLog>,
  { timeoutMs = 20_000 }: ContractOptions = {},
): void => {
  const tests: Suite = suite(title)
  const until: Until = (check) => eventually(check, { timeoutMs: timeoutMs / 2 })
  const test: Define = (name, body) => tests(name, () => withStores(createLog, body), { timeoutMs })
  appendTests(test)
  readTests(test)
  batchTests(test, until)
  groupTests(test, until)
  electionTests(test, until)
  closeTests(test, until)
  tests.run()
}

/** Closes what a test opened, also when it fails. */
const withStores = async (createLog: () => Promise<TestLog>, body: Body): Promise<void> => {
  const log = await createLog()
  const stores: EventStore[] = []
  const open = async () => {
    const store = await log.open()
    stores.push(store)
    return store
  }
  try {
    await body({ ...log, open })
  } finally {
    for (const store of stores.reverse()) await store.close()
    await log.remove?.()
  }
}

const appendTests = (test: Define): void => {
  test('an empty log has heads of zero and gives nothing', async ({ open, partitions }) => {
    const store = await open()

    const heads = await store.heads()

    assert.equal(
      heads.map(({ partition, start, head }) => ({ partition, start, head })),
      Array.from({ length: partitions }, (_, partition) => ({ partition, start: 0, head: 0 })),
    )
    assert.equal(await readAll(store), [])
  })

  test('appending nothing changes nothing', async ({ open }) => {
    const store = await open()

    await store.append([])

    assert.ok((await store.heads()).every(({ head }) => head === 0))
  })

  test('events come back as they were, in the order of their key', async ({ open }) => {
    const store = await open()
    const events = numbered(300, ['AAPL', 'MSFT', 'TSLA'])

    const before = Date.now()
    await store.append(events.slice(0, 100))
    await store.append(events.slice(100))

    const records = await readAll(store)
    assert.is(records.length, 300)
    for (const symbol of ['AAPL', 'MSFT', 'TSLA']) {
      assert.equal(eventsOf(records, symbol), eventsOf(asRecords(events), symbol))
    }
    assert.ok(records.every(({ recordedAt }) => recordedAt >= before - 1_000))
    assert.ok(records.every(({ recordedAt }) => recordedAt <= Date.now() + 1_000))
  })

  test('the partition is murmur2 of the symbol, and offsets rise in it', async (log) => {
    const store = await log.open()
    await store.append(numbered(500, names(50)))

    const next = new Map<number, number>()
    for (const { partition, offset, event } of await readAll(store)) {
      assert.is(
        event.type === 'TradeExecuted' && partitionOf(event.symbol, log.partitions),
        partition,
      )
      assert.ok(offset >= (next.get(partition) ?? 0))
      next.set(partition, offset + 1)
    }
    for (const { partition, head } of await store.heads()) {
      assert.ok(head >= (next.get(partition) ?? 0))
    }
  })

  test('symbols are any text', async ({ open }) => {
    const store = await open()
    const symbols = [
      '__proto__',
      'constructor',
      'IC MARKETS:1',
      'KRAKEN:XBT/USD',
      '日経225',
      '🦄',
      '"\\',
    ]
    const events = symbols.map((symbol) => trade({ symbol }))

    await store.append(events)

    const records = await readAll(store)
    for (const symbol of symbols) assert.equal(eventsOf(records, symbol), [trade({ symbol })])
  })

  test('equal events are all kept', async ({ open }) => {
    const store = await open()
    const event = trade()

    await store.append([event, event])
    await store.append([event])

    assert.is((await readAll(store)).length, 3)
  })

  test('an append of 25,000 events is whole and in order', async ({ open }) => {
    const store = await open()
    const events = numbered(25_000, ['AAPL', 'MSFT'])

    await store.append(events)

    const records = await readAll(store)
    assert.is(records.length, events.length)
    assert.equal(eventsOf(records, 'AAPL'), eventsOf(asRecords(events), 'AAPL'))
  })

  test('what was appended is there when the log is opened again', async ({ open }) => {
    const first = await open()
    await first.append(numbered(10, names(5)))
    const heads = await first.heads()
    const records = await readAll(first)
    await first.close()

    const second = await open()

    assert.equal(await second.heads(), heads)
    assert.equal(await readAll(second), records)
  })

  test('a partition that holds an event has an origin, the same for everybody', async ({
    open,
  }) => {
    const [one, other] = [await open(), await open()]

    await one.append(numbered(50, names(20)))

    const origins = (await one.heads()).map(({ origin }) => origin)
    assert.ok(origins.every((origin) => typeof origin === 'string' && origin !== ''))
    assert.is(new Set(origins).size, origins.length)
    assert.equal(
      (await other.heads()).map(({ origin }) => origin),
      origins,
    )
  })
}

const readTests = (test: Define): void => {
  test('a read starts and ends where it is told', async ({ open }) => {
    const store = await open()
    await store.append(numbered(40))
    await store.append(numbered(60))
    const all = await readAll(store)
    const partition = all[0]?.partition ?? 0

    for (const [from, to] of [
      [0, 100],
      [0, 1],
      [39, 41],
      [17, 83],
      [99, 100],
      [50, 50],
    ] as const) {
      const offsets = { from: all[from]?.offset ?? 0, to: (all[to - 1]?.offset ?? -1) + 1 }
      const records = recordsOf(await slicesOf(store, { partition, ...offsets, batchEventsMax: 7 }))
      assert.equal(records, all.slice(from, to), `${from} to ${to}`)
    }
  })

  test('slices join without a gap and are no larger than asked', async ({ open }) => {
    const store = await open()
    await store.append(numbered(95))
    const { partition, head: to } = await longest(store)

    const slices = await slicesOf(store, { partition, from: 0, to, batchEventsMax: 10 })

    assert.ok(slices.every(({ events }) => events.length <= 10))
    assert.is(slices[0]?.from, 0)
    assert.is(slices.at(-1)?.to, to)
    for (const [i, { from }] of slices.slice(1).entries()) assert.is(from, slices[i]?.to)
  })

  test('a read ends at the head it found', async ({ open }) => {
    const store = await open()
    await store.append(numbered(5))
    const { partition } = await longest(store)

    const read = store.read({ partition, from: 0, to: 1_000_000, batchEventsMax: 2 })
    const records: LogRecord[] = []
    for await (const { events } of read) {
      records.push(...events)
      if (records.length < 5) await store.append(numbered(1))
    }

    assert.is(records.length, 5)
  })

  test('an aborted read rejects and leaves the store usable', async ({ open }) => {
    const store = await open()
    await store.append(numbered(50))
    const { partition, head: to } = await longest(store)
    const abort = new AbortController()
    const { signal } = abort

    const error = await rejection(async () => {
      for await (const _ of store.read({ partition, from: 0, to, batchEventsMax: 5, signal })) {
        abort.abort(new Error('enough'))
      }
    })

    assert.ok(error instanceof Error)
    assert.is((await readAll(store)).length, 50)
  })

  test('a read can be left at any slice', async ({ open }) => {
    const store = await open()
    await store.append(numbered(50))
    const { partition, head: to } = await longest(store)

    for await (const slice of store.read({ partition, from: 0, to, batchEventsMax: 5 })) {
      assert.is(slice.events.length, 5)
      break
    }

    assert.is((await readAll(store)).length, 50)
  })

  test('a record that nobody can read keeps its place', async ({ open, appendForeign }) => {
    const store = await open()
    await store.append([trade({ price: '1' })])
    await appendForeign('AAPL', { type: 'TradeCancelled', version: 9, symbol: 'AAPL' })
    await store.append([trade({ price: '2' })])

    const events = (await readAll(store)).map(({ event }) => event)

    assert.equal(
      events.map((event) => (event.type === 'Unreadable' ? event.type : event.price)),
      ['1', 'Unreadable', '2'],
    )
    assert.ok(events[1]?.type === 'Unreadable' && events[1].reason.includes('TradeCancelled'))
  })
}

const batchTests = (test: Define, until: Until): void => {
  test('batches begin at the position and follow the log for ever', async ({ open }) => {
    const store = await open()
    await store.append(numbered(10))
    const all = await readAll(store)
    const { partition, head } = await longest(store)

    const reader = readGroup(store, { checkpoint: new Map([[partition, all[4]?.offset ?? 0]]) })
    await until(() => reader.records.length === 6)
    await store.append(numbered(3))
    await until(() => reader.records.length === 9)

    assert.equal(reader.records, (await readAll(store)).slice(4))
    assert.is(reader.checkpoint.get(partition), (await longest(store)).head)
    assert.ok(head < (await longest(store)).head)
    reader.stop()
  })

  test('the next batch of a partition comes only after the acknowledgement', async ({ open }) => {
    const store = await open()
    await store.append(numbered(30))
    const reader = readGroup(store, { batchEventsMax: 10, acknowledge: false })

    await until(() => reader.batches.length === 1)
    await store.append(numbered(30))
    await hold()
    assert.is(reader.batches.length, 1)
    reader.batches[0]?.ack()
    await until(() => reader.batches.length === 2)
    // A second acknowledgement of the same batch says nothing about the next one.
    reader.batches[0]?.ack()
    await hold()

    assert.is(reader.batches.length, 2)
    assert.is(reader.batches[1]?.from, reader.batches[0]?.to)
    reader.stop()
  })

  test('a partition that waits does not hold up the others', async ({ open }) => {
    const store = await open()
    await store.append(numbered(100, names(40)))
    const filled = (await store.heads()).filter(({ head }) => head > 0)

    const reader = readGroup(store, { acknowledge: false })
    await until(() => reader.batches.length === filled.length)

    assert.is(new Set(reader.batches.map(({ partition }) => partition)).size, filled.length)
    reader.stop()
  })

  test('a batch names its log and is no larger than asked', async ({ open }) => {
    const store = await open()
    await store.append(numbered(45))

    const reader = readGroup(store, { batchEventsMax: 10 })
    await until(() => reader.records.length === 45)

    assert.ok(reader.batches.every(({ events }) => events.length <= 10))
    const { origin } = await longest(store)
    assert.ok(reader.batches.every((batch) => batch.origin === origin))
    reader.stop()
  })

  test('a batch that was not acknowledged comes again', async ({ open }) => {
    const store = await open()
    await store.append(numbered(10))
    const checkpoint = new Map<number, number>()
    const first = readGroup(store, { checkpoint, acknowledge: false })
    await until(() => first.batches.length === 1)

    first.stop()
    // Late, after the partitions were given back: it must harm nobody.
    first.batches[0]?.ack()
    checkpoint.clear()
    const second = readGroup(store, { checkpoint })
    await until(() => second.records.length === 10)

    assert.equal(second.records, await readAll(store))
    second.stop()
  })

  test('the position is asked anew at every assignment, with the bounds', async (log) => {
    const store = await log.open()
    await store.append(numbered(10))
    const { partition, origin } = await longest(store)
    const first = readGroup(store)
    await until(() => first.records.length === 10)
    first.stop()

    const second = readGroup(store, { checkpoint: new Map([[partition, 0]]) })
    await until(() => second.records.length === 10)

    for (const reader of [first, second]) {
      const assigned = reader.assigned.find((bounds) => bounds.partition === partition)
      assert.is(assigned?.start, 0)
      assert.is(assigned?.origin, origin)
      assert.ok(reader.assigned.length >= log.partitions)
    }
    second.stop()
  })

  test('a position that cannot be had errors the stream with its error', async ({ open }) => {
    const store = await open()
    const refusal = new TradelogError('LOG_REPLACED', 'another log')

    const reader = readGroup(store, { refusal })

    assert.is(await until(() => reader.error()), refusal)
  })

  test('a record that nobody can read is delivered as such', async ({ open, appendForeign }) => {
    const store = await open()
    await store.append([trade()])
    await appendForeign('AAPL', { type: 'TradeExecuted', version: 2, symbol: 'AAPL' })

    const reader = readGroup(store)
    await until(() => reader.records.length === 2)

    assert.is(reader.records[1]?.event.type, 'Unreadable')
    reader.stop()
  })
}

const groupTests = (test: Define, until: Until): void => {
  test('every group gets every event', async ({ open }) => {
    const store = await open()
    await store.append(numbered(200, names(20)))

    const readers = [readGroup(store, { group: 'a' }), readGroup(store, { group: 'b' })]
    await store.append(numbered(200, names(20)))
    await until(() => readers.every(({ records }) => records.length === 400))

    const all = await readAll(store)
    for (const { records, stop } of readers) {
      assert.equal(byPosition(records), byPosition(all))
      stop()
    }
  })

  test('two members of a group apply every event once, and the survivor goes on', async ({
    open,
  }) => {
    const [left, right] = [await open(), await open()]
    // What both write, as a read model's store would be.
    const shared = { checkpoint: new Map<number, number>(), batchEventsMax: 5 }
    const members = [readGroup(left, shared), readGroup(right, shared)]
    const applied = () => members.flatMap(({ records }) => records)

    await left.append(numbered(300, names(20)))
    await until(() => applied().length === 300)
    members[0]?.stop()
    await right.append(numbered(300, names(20)))
    await until(() => applied().length === 600)

    assert.equal(byPosition(applied()), byPosition(await readAll(left)))
    members[1]?.stop()
  })

  test('a store that closes gives its partitions to another', async ({ open }) => {
    const [left, right] = [await open(), await open()]
    const shared = { checkpoint: new Map<number, number>() }
    const first = readGroup(left, shared)
    await left.append(numbered(20))
    await until(() => first.records.length === 20)
    const second = readGroup(right, shared)

    await left.close()
    await right.append(numbered(20))

    await until(() => first.records.length + second.records.length === 40)
    second.stop()
  })
}

const electionTests = (test: Define, until: Until): void => {
  test('one at a time is elected, and another when it resigns', async ({ open }) => {
    const [left, right] = [await open(), await open()]
    const first = elect(left)
    await until(first.elected)
    const second = elect(right)
    await until(() => second.states.length > 0)

    assert.not(second.elected())
    first.resign()
    await until(second.elected)

    second.resign()
  })

  test('another is elected when the store of the first closes', async ({ open }) => {
    const [left, right] = [await open(), await open()]
    const first = elect(left)
    await until(first.elected)
    const second = elect(right)

    await left.close()

    await until(second.elected)
    second.resign()
  })

  test('roles are filled apart, and the elected one appends', async ({ open }) => {
    const [left, right] = [await open(), await open()]
    const ingest = elect(left)
    const other = elect(right, 'other')
    await until(() => ingest.elected() && other.elected())

    await left.append(numbered(3))

    assert.is((await readAll(right)).length, 3)
    ingest.resign()
    other.resign()
  })
}

const closeTests = (test: Define, until: Until): void => {
  test('every method of a closed store says that it is closed', async ({ open }) => {
    const store = await open()
    await store.append(numbered(1))
    await store.close()

    const read = { partition: 0, from: 0, to: 1, batchEventsMax: 1 }
    const reader = readGroup(store)
    const election = elect(store)

    for (const use of [
      () => store.append([trade()]),
      () => store.append([]),
      () => store.heads(),
      () => slicesOf(store, read),
    ]) {
      assert.ok(hasCode(await rejection(use), 'EVENT_STORE_CLOSED'))
    }
    await until(() => hasCode(reader.error(), 'EVENT_STORE_CLOSED'))
    await until(() => hasCode(election.error(), 'EVENT_STORE_CLOSED'))
  })

  test('a second close waits for the first', async ({ open }) => {
    const store = await open()

    await Promise.all([store.close(), store.close()])
    await store.close()
  })

  test('closing completes live streams', async ({ open }) => {
    const store = await open()
    await store.append(numbered(5))
    const reader = readGroup(store, { acknowledge: false })
    const election = elect(store)
    await until(() => reader.batches.length === 1 && election.elected())

    await store.close()

    assert.ok(await until(reader.completed))
    assert.ok(await until(election.completed))
  })

  test('closing rejects a read, which would else look complete', async ({ open }) => {
    const store = await open()
    await store.append(numbered(50))
    const { partition, head: to } = await longest(store)
    const closed: Promise<void>[] = []

    const error = await rejection(async () => {
      for await (const _ of store.read({ partition, from: 0, to, batchEventsMax: 5 })) {
        closed.push(store.close())
      }
    })

    assert.ok(hasCode(error, 'EVENT_STORE_CLOSED'))
    await Promise.all(closed)
  })

  test('closing waits for the append in flight', async ({ open }) => {
    const store = await open()

    const appended = store.append(numbered(2_000))
    await store.close()
    await appended

    assert.is((await readAll(await open())).length, 2_000)
  })
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `SYMBOL${i}`)

/** Events told apart by their price, the symbols in turn. */
const numbered = (count: number, symbols = ['AAPL']): TradeExecuted[] =>
  Array.from({ length: count }, (_, i) =>
    trade({ symbol: symbols[i % symbols.length] ?? '', price: String(i + 1) }),
  )

const asRecords = (events: readonly TradeExecuted[]) => events.map((event) => ({ event }))

const eventsOf = (records: readonly Pick<LogRecord, 'event'>[], symbol: string) =>
  records
    .map(({ event }) => event)
    .filter((event) => event.type === 'TradeExecuted' && event.symbol === symbol)

const recordsOf = (slices: readonly Slice[]) => slices.flatMap(({ events }) => events)

const slicesOf = async (store: EventStore, options: ReadOptions): Promise<Slice[]> => {
  const slices: Slice[] = []
  for await (const slice of store.read(options)) slices.push(slice)
  return slices
}

const readAll = async (store: EventStore): Promise<LogRecord[]> => {
  const records: LogRecord[] = []
  for (const { partition, start: from, head: to } of await store.heads()) {
    records.push(
      ...recordsOf(await slicesOf(store, { partition, from, to, batchEventsMax: 1_000 })),
    )
  }
  return records
}

const longest = async (store: EventStore) => {
  const [first] = [...(await store.heads())].sort((a, b) => b.head - a.head)
  if (first === undefined) throw new Error('the log has no partition')
  return first
}

const byPosition = (records: readonly LogRecord[]) =>
  [...records].sort((a, b) => a.partition - b.partition || a.offset - b.offset)

const elect = (store: EventStore, role = 'ingest') => {
  const states: boolean[] = []
  let failure: unknown
  let complete = false
  const subscription = store.elect(role).subscribe({
    next: (elected) => states.push(elected),
    error: (error) => {
      failure = error
    },
    complete: () => {
      complete = true
    },
  })
  return {
    states,
    elected: () => states.at(-1) === true,
    error: () => failure,
    completed: () => complete,
    resign: () => subscription.unsubscribe(),
  }
}
