import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { hasCode } from '../../../src/domain/errors.ts'
import { openEmbeddedEventStore } from '../../../src/event-store/embedded/embedded-event-store.ts'
import { type EmbeddedLog, openEmbeddedLog } from '../../../src/event-store/embedded/log.ts'
import { rejection } from '../../contracts/event-store-reader.ts'
import { suite } from '../../support/suite.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { trade } from '../../support/trade.ts'

const test = suite('embedded log')
const partitions = 2

async function withLog(body: (log: EmbeddedLog, directory: string) => unknown): Promise<void> {
  const directory = temporaryDirectory()
  const log = await openEmbeddedLog({ directory, partitions })
  try {
    await body(log, directory)
  } finally {
    await log.close()
  }
}

const records = (count: number, partition = 0) =>
  Array.from({ length: count }, (_, i) => ({ partition, value: trade({ price: String(i) }) }))

const offsets = (log: EmbeddedLog, from: number, to: number, eventsMax = 10_000) =>
  log.slice({ partition: 0, from, to, eventsMax }).events.map(({ offset }) => offset)

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

test('another count of partitions is refused, with what to do', async () =>
  withLog(async (_, directory) => {
    const error = await rejection(() => openEmbeddedEventStore({ directory, partitions: 3 }))

    assert.ok(hasCode(error, 'EVENT_STORE_REFUSED'))
    assert.match(error.message, 'has 2 partitions, the settings say 3')
    assert.match(error.message, 'set partitions to 2')
  }))

test('a directory that cannot be used is an unavailable store, and the line says why', async () => {
  const open = () => openEmbeddedEventStore({ directory: join('/dev/null', 'log'), partitions })

  const error = await rejection(open)
  assert.ok(hasCode(error, 'EVENT_STORE_UNAVAILABLE'))
  assert.match(error.message, 'ENOTDIR')
})

test('another log has another origin', async () => {
  const origins: unknown[] = []
  for (let i = 0; i < 2; i++) {
    await withLog((log) => origins.push(...log.bounds().map(({ origin }) => origin)))
  }

  assert.is(new Set(origins).size, 2 * partitions)
})

test('a slice begins and ends inside of blocks', () =>
  withLog(async (log) => {
    for (const count of [1, 2_500, 3]) await log.append(log.prepare(records(count), 0))

    for (const [from, to] of [
      [0, 2_504],
      [0, 1],
      [1, 1_001],
      [999, 1_002],
      [2_500, 2_504],
    ] as const) {
      assert.equal(offsets(log, from, to), numbers(from, to))
    }
    assert.equal(offsets(log, 17, 2_504, 1_000), numbers(17, 1_017))
  }))

test('what was prepared is written once, however often it is appended', () =>
  withLog(async (log) => {
    const prepared = log.prepare([...records(5), ...records(5, 1)], 0)

    await log.append(prepared)
    await log.append(log.prepare(records(1), 0))
    await log.append(prepared)

    assert.equal(log.heads(), [6, 5])
  }))

test('an append that fails half way leaves nothing, and can be repeated', () =>
  withLog(async (log) => {
    const good = log.prepare(records(5), 0)
    const [block] = good.blocks
    // A block without a text can't be stored.
    const bad = {
      blocks: [...good.blocks, { ...block, partition: 1, text: undefined as never, count: 5 }],
    }

    assert.ok(hasCode(await rejection(() => log.append(bad)), 'EVENT_STORE_UNAVAILABLE'))
    assert.equal(log.heads(), [0, 0])
    await log.append(good)

    assert.equal(log.heads(), [5, 0])
    assert.equal(offsets(log, 0, 5), numbers(0, 5))
  }))

test('a check that throws prevents the append', () =>
  withLog(async (log) => {
    const refused = new Error('refused')
    const refuse = () => {
      throw refused
    }

    const error = await rejection(() => log.append(log.prepare(records(5), 0), refuse))

    assert.is((error as Error).cause, refused)
    assert.equal(log.heads(), [0, 0])
  }))

test('appends of several stores at once are all kept, each in one piece', () =>
  withLog(async (log, directory) => {
    const other = await openEmbeddedLog({ directory, partitions })

    await Promise.all(
      Array.from({ length: 20 }, (_, i) => {
        const writer = i % 2 === 0 ? log : other
        return writer.append(writer.prepare(records(10), 0))
      }),
    )

    assert.equal(log.heads(), [200, 0])
    const { events } = other.slice({ partition: 0, from: 0, to: 200, eventsMax: 200 })
    const prices = events.map(({ event }) => (event.type === 'TradeExecuted' ? event.price : ''))
    assert.equal(
      prices,
      numbers(0, 200).map((i) => String(i % 10)),
    )
    await other.close()
  }))

test('missing offsets are refused, never skipped', () =>
  withLog(async (log) => {
    await log.append(log.prepare(records(5), 0))

    for (const [from, to] of [
      [0, 6],
      [5, 7],
    ] as const) {
      const read = () => log.slice({ partition: 0, from, to, eventsMax: 100 })
      assert.throws(read, (error: unknown) => hasCode(error, 'EVENT_STORE_REFUSED'))
    }
  }))

test.run()
