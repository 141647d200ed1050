import pino from 'pino'
import * as assert from 'uvu/assert'
import { hasCode } from '../../../src/domain/errors.ts'
import type { RowOf } from '../../../src/projections/projection.ts'
import { trades } from '../../../src/projections/read-models/trades.ts'
import { readModelReader } from '../../../src/read-api/read-models/reader.ts'
import { openEmbeddedReadModelStore } from '../../../src/read-model-store/embedded/embedded-read-model-store.ts'
import { encodeKey } from '../../../src/read-model-store/key.ts'
import type { Generation } from '../../../src/read-model-store/read-model-store.ts'
import { faultyReadModelStore } from '../../support/faulty-read-model-store.ts'
import { suite } from '../../support/suite.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const test = suite('reader of read models')

type Trades = Generation<RowOf<typeof trades>>

const idOf = async (generation: Trades) => generation.info.id

/** A reader with a clock that stands still until set, and a store without a generation. */
async function start() {
  const embedded = await openEmbeddedReadModelStore({ directory: temporaryDirectory() })
  const store = faultyReadModelStore(embedded)
  const clock = { ms: 0 }
  const messages: string[] = []
  const logger = pino({}, { write: (line: string) => void messages.push(JSON.parse(line).msg) })
  const reader = readModelReader({ store, logger, now: () => clock.ms })
  const promote = async () => {
    const { info } = await store.create({ model: 'trades', version: 1, kind: 'series' })
    const former = (await embedded.pointer('trades'))?.active ?? null
    const pointer = {
      model: 'trades',
      active: info.id,
      newest: info.id,
      former,
      promotedAt: 1,
      leftVersion: null,
    }
    assert.ok(await store.promote(pointer, former))
    return info.id
  }
  const { signal } = new AbortController()
  const read = <T>(work: (generation: Trades) => Promise<T>) => reader.read(trades, signal, work)
  return { store, clock, messages, reader, read, promote, close: () => embedded.close() }
}

test('reads nothing before the first promotion, and at once after it', async () => {
  const { read, promote, close } = await start()
  const error = await read(idOf).catch((error: unknown) => error)
  assert.ok(hasCode(error, 'READ_MODEL_NOT_FOUND'))
  const first = await promote()
  assert.is(await read(idOf), first)
  await close()
})

test('rows have the fields that their model gives them, and no others', async () => {
  const { read, promote, close } = await start()
  await promote()
  const [row] = await read((generation) => generation.read([encodeKey(['AAPL', 1, 0, 0])]))
  assert.is(row?.value.executedAt, undefined)
  // @ts-expect-error: `volume`, not `volum`.
  assert.is(row?.value.volum, undefined)
  await close()
})

test('looks the pointer up once a second, and follows it', async () => {
  const { store, clock, read, promote, close } = await start()
  const first = await promote()
  for (let i = 0; i < 10; i++) assert.is(await read(idOf), first)
  assert.is(store.calls.get('pointer'), 1)
  const second = await promote()
  clock.ms = 999
  assert.is(await read(idOf), first)
  clock.ms = 1_000
  assert.is(await read(idOf), second)
  assert.is(store.calls.get('pointer'), 2)
  await close()
})

test('has a revision while it knows the active generation, another after a promotion', async () => {
  const { store, clock, read, reader, promote, close } = await start()
  await promote()
  assert.is(reader.revision([trades]), undefined)
  await read(idOf)
  const first = reader.revision([trades])
  assert.ok(first)
  assert.is(reader.revision([trades]), first)
  await promote()
  clock.ms = 1_000
  assert.is(reader.revision([trades]), undefined)
  await read(idOf)
  assert.ok(reader.revision([trades]))
  assert.is.not(reader.revision([trades]), first)
  store.fault = 'away'
  assert.is(reader.revision([trades]), undefined)
  await close()
})

test('opens a generation once while it stays the active one', async () => {
  const { store, clock, read, promote, close } = await start()
  await promote()
  for (clock.ms = 0; clock.ms < 5_000; clock.ms += 1_000) await read(idOf)
  assert.is(store.calls.get('pointer'), 5)
  assert.is(store.calls.get('open'), 1)
  await close()
})

test('retries a read of a dropped generation on the new one within the second', async () => {
  const { store, read, promote, close } = await start()
  const first = await promote()
  await read(idOf)
  const second = await promote()
  await store.drop(first)
  const answer = await read(async (generation) => {
    await generation.read(['a'])
    return generation.info.id
  })
  assert.is(answer, second)
  await close()
})

test('a read that fails twice fails, and the next one succeeds', async () => {
  const { store, read, promote, close } = await start()
  const first = await promote()
  await read(idOf)
  store.fault = 'away'
  const error = await read((generation) => generation.read(['a'])).catch((e: unknown) => e)
  assert.ok(hasCode(error, 'READ_MODEL_STORE_UNAVAILABLE'))
  store.fault = 'none'
  assert.is(await read(idOf), first)
  await close()
})

test('logs once that a model cannot be read, and once that it can for good', async () => {
  const { store, clock, messages, read, promote, close } = await start()
  await promote()
  for (; clock.ms < 3_600_000; clock.ms += 10_000) {
    store.fault = 'away'
    for (let i = 0; i < 5; i++) await read(idOf).catch(() => {})
    store.fault = 'none'
    for (let i = 0; i < 5; i++) await read(idOf)
  }
  const said = () => messages.filter((message) => message !== 'reading generation')
  assert.equal(said(), ['read model cannot be read'])
  for (let i = 0; i < 5; i++, clock.ms += 10_000) await read(idOf)
  assert.equal(said(), ['read model cannot be read', 'read model can be read again'])
  await close()
})

test('an aborted request is not retried', async () => {
  const { reader, read, promote, close } = await start()
  await promote()
  let tries = 0
  const fail = async () => {
    tries++
    throw new TypeError('mistake')
  }
  const aborted = AbortSignal.abort()
  await reader.read(trades, aborted, fail).catch(() => {})
  assert.is(tries, 1)
  await read(fail).catch(() => {})
  assert.is(tries, 3, 'a foreign error may pass by itself')
  await close()
})

test('a lookup that hangs does not block a read a second later', async () => {
  const { store, clock, read, promote, close } = await start()
  const first = await promote()
  store.fault = 'hanging'
  void read(idOf)
  store.fault = 'none'
  clock.ms = 1_000
  assert.is(await read(idOf), first)
  await close()
})

test.run()
