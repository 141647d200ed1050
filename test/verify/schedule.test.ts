import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import type { EventStore } from '../../src/event-store/event-store.ts'
import { readModels } from '../../src/projections/read-models/index.ts'
import { encodeKey } from '../../src/read-model-store/key.ts'
import type { ReadModelStore } from '../../src/read-model-store/read-model-store.ts'
import type { VerifyStatus } from '../../src/read-model-store/status.ts'
import { type ScheduleOptions, scheduleVerify } from '../../src/verify/schedule.ts'
import { type Engine, startEngine } from '../support/engine.ts'
import { eventually } from '../support/eventually.ts'
import { silent } from '../support/silent.ts'
import { someTrades } from '../support/some-trades.ts'
import { suite } from '../support/suite.ts'

const test = suite('scheduled verification')

const models = readModels.map(({ name }) => name)

async function withEngine(work: (engine: Engine) => Promise<void>) {
  const engine = await startEngine()
  await engine.eventStore.append(someTrades(300))
  const role = engine.project()
  await engine.caughtUp()
  await role.close()
  await work(engine)
  await engine.close()
}

function schedule(engine: Engine, options: Partial<ScheduleOptions> = {}) {
  const { eventStore, readModelStore } = engine
  const stores = { eventStore, readModelStore, batchEventsMax: 100 }
  return scheduleVerify({ ...stores, models, everyMs: 20, logger: silent, ...options })
}

/** The result of each model's last verification, and when it was written. */
async function verifications({ readModelStore }: Engine) {
  const all = (await readModelStore.statuses()).filter(({ source }) => source.startsWith('verify:'))
  return new Map(
    all.map(({ status, writtenAt }) => {
      const { model, result } = status as VerifyStatus
      return [model, { result, writtenAt }]
    }),
  )
}

test('reports on every model, again and again, and finds what differs later', () =>
  withEngine(async (engine) => {
    const running = schedule(engine)
    await eventually(async () => (await verifications(engine)).size === models.length)
    const results = async () =>
      Array.from(await verifications(engine), ([model, { result }]) => `${model} ${result}`).sort()
    assert.equal(await results(), models.map((model) => `${model} equal`).sort())
    await addByHand(engine)
    await eventually(async () => (await results()).includes('symbols different'))
    await running.close()
  }))

/** A row without an event, in an unused partition. */
async function addByHand({ readModelStore }: Engine) {
  const symbols = await readModelStore.open((await readModelStore.pointer('symbols'))?.active ?? '')
  const row = { key: encodeKey(['NOBODY']), value: { symbol: 'NOBODY' }, guard: '0:0', count: 1 }
  const rows = { kind: 'state', writes: [{ ...row, expected: null }] } as const
  await symbols.commit({ partition: 99, from: 0, to: 1, applied: 0, origin: 'hand', rows })
}

test('a model that another process is verifying is not verified here', () =>
  withEngine(async (engine) => {
    const other = await engine.readModelStore.lease('verify:symbols', { ttlMs: 60_000 })
    const running = schedule(engine)
    const at = async (model: string) => (await verifications(engine)).get(model)?.writtenAt
    await eventually(async () => (await at('vwap')) !== undefined)
    const first = await at('vwap')
    await eventually(async () => (await at('vwap')) !== first)
    assert.is(await at('symbols'), undefined)
    await other?.release()
    await eventually(async () => (await at('symbols')) !== undefined)
    await running.close()
  }))

test('several processes verify a model once a round', () =>
  withEngine(async (engine) => {
    const everyMs = 200
    const writtenAt: number[] = []
    const readModelStore: ReadModelStore = {
      ...engine.readModelStore,
      writeStatus: (source, status) => {
        writtenAt.push(Date.now())
        return engine.readModelStore.writeStatus(source, status)
      },
    }
    const options = { everyMs, readModelStore, models: ['trades'] }
    const first = schedule(engine, options)
    await sleep(everyMs / 2)
    const second = schedule(engine, options)
    await eventually(() => writtenAt.length > 5)
    await Promise.all([first.close(), second.close()])
    const gapsMs = writtenAt.slice(1).map((at, before) => at - (writtenAt[before] ?? 0))
    assert.ok(Math.min(...gapsMs) >= 0.9 * everyMs, String(gapsMs))
  }))

test('a verification that is stopped with its process reports nothing', () =>
  withEngine(async (engine) => {
    let reading = false
    const eventStore: EventStore = {
      ...engine.eventStore,
      read: async function* (options) {
        reading = true
        await new Promise((resolve) => options.signal?.addEventListener('abort', resolve))
        yield* engine.eventStore.read(options)
      },
    }
    const running = schedule(engine, { eventStore })
    await eventually(() => reading)
    await running.close()
    assert.is((await verifications(engine)).size, 0)
    const lease = await engine.readModelStore.lease('verify:trades', { ttlMs: 1_000 })
    assert.ok(lease, 'its lease was given back')
    await lease.release()
  }))

test.run()
