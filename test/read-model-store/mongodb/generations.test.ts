import * as assert from 'uvu/assert'
import { type ErrorCode, hasCode } from '../../../src/domain/errors.ts'
import type { Commit, Generation } from '../../../src/read-model-store/read-model-store.ts'
import { type TestDatabase, type TestMongodb, testMongodb } from '../../support/mongodb.ts'
import { type Command, mongodbProxy, type Verdict } from '../../support/mongodb-proxy.ts'
import { suite } from '../../support/suite.ts'

const test = suite('MongoDB read-model store by itself')
const mongodb = await testMongodb()

function define(server: TestMongodb) {
  describeRows(server)
  describeGone(server)
  describeAway(server)
  test.after(server.close)
}

function describeRows(server: TestMongodb) {
  test('a row is a document with its fields at the top and its key as _id', async () => {
    const { db, open } = server.database()
    const store = await open()
    const generation = await store.create({ model: 'symbols', version: 1, kind: 'state' })
    const value = { symbol: '__proto__', tradeCount: 3, left: undefined, sum: 2 ** 53 - 1 }
    const writes = [{ key: 'k', value, guard: '0:7', count: 3, expected: null }]
    await generation.commit({ ...batch(0, 8), rows: { kind: 'state', writes } })
    assert.equal(await db.collection(generation.info.id).findOne(), {
      _id: 'k',
      symbol: '__proto__',
      tradeCount: 3,
      sum: 2 ** 53 - 1,
      _guard: '0:7',
      _count: 3,
    })
    await store.close()
  })

  test('a batch that was partly stored before a crash is completed', async () => {
    const { db, open } = server.database()
    const store = await open()
    const generation = await store.create({ model: 'trades', version: 1, kind: 'series' })
    const rows = db.collection<{ _id: string; n: number }>(generation.info.id)
    await rows.insertMany([1, 2, 6].map((n) => ({ _id: `k${n}`, n })))
    assert.is(await generation.commit(series(0, 8)), 'committed')
    assert.equal(await numbersOf(generation), [0, 1, 2, 3, 4, 5, 6, 7])
    await store.close()
  })
}

function describeGone(server: TestMongodb) {
  test('a generation whose collection was removed by hand is gone, not empty', async () => {
    const { db, open } = server.database()
    const store = await open()
    const generation = await store.create({ model: 'trades', version: 1, kind: 'series' })
    await generation.commit(series(0, 3))
    await db.dropCollection(generation.info.id)
    await rejects('GENERATION_DROPPED', store.open(generation.info.id))
    await rejects('GENERATION_DROPPED', generation.checkpoint())
    await store.close()
  })

  test('the first batch of an emptied database is refused at its last step too', async () => {
    const { db, options, open } = server.database()
    const { store, close } = await openThrough({ options, open }, async ({ name, collection }) => {
      if (name === 'insert' && collection === 'tradelog_checkpoints') await db.dropDatabase()
      return 'pass'
    })
    const generation = await store.create({ model: 'trades', version: 1, kind: 'series' })
    await rejects('GENERATION_DROPPED', generation.commit(series(0, 3)))
    await rejects('GENERATION_DROPPED', generation.commit(series(3, 6)))
    assert.equal(await store.generations(), [])
    await close()
  })

  test('the next drop removes what a late writer left of a dropped generation', async () => {
    const { db, open } = server.database()
    const store = await open()
    const [late, next] = [
      await store.create({ model: 'trades', version: 1, kind: 'series' }),
      await store.create({ model: 'trades', version: 1, kind: 'series' }),
    ]
    await store.drop(late.info.id)
    await db.collection(late.info.id).insertOne({ n: 1 })
    await store.drop(next.info.id)
    assert.equal(await db.listCollections({ name: late.info.id }).toArray(), [])
    assert.is(await db.collection('tradelog_checkpoints').countDocuments(), 0)
    await store.close()
  })

  test('a lease is lost with its database', async () => {
    const { db, open } = server.database()
    const store = await open()
    const lease = await store.lease('build', { ttlMs: 60_000 })
    assert.is(await lease?.held(), true)
    await db.dropDatabase()
    assert.is(await lease?.held(), false)
    await lease?.release()
    await store.close()
  })

  test('the fence of a lease rises with every holder', async () => {
    const { db, open } = server.database()
    const store = await open()
    const leases = db.collection<{ _id: string; fence: number }>('tradelog_leases')
    for (const fence of [1, 2, 3]) {
      const lease = await store.lease('build', { ttlMs: 60_000 })
      assert.is((await leases.findOne({ _id: 'build' }))?.fence, fence)
      await lease?.release()
    }
    await store.close()
  })

  test('a status that is not renewed is deleted after a week', async () => {
    const { db, open } = server.database()
    const day = 24 * 60 * 60 * 1000
    const statuses = db.collection<{ _id: string; writtenAt: number; status: object }>(
      'tradelog_status',
    )
    await statuses.insertMany([
      { _id: 'project:old', writtenAt: Date.now() - 8 * day, status: {} },
      { _id: 'project:recent', writtenAt: Date.now() - 6 * day, status: {} },
    ])
    const store = await open()
    await store.writeStatus('project:new', {})
    assert.equal(
      (await store.statuses()).map(({ source }) => source),
      ['project:new', 'project:recent'],
    )
    await store.close()
  })
}

function describeAway(server: TestMongodb) {
  test('a server that hangs costs a call its time limit, and no more', async () => {
    let hangs = false
    const { store, close } = await openThrough(server.database(), async () => {
      return hangs ? new Promise<never>(() => {}) : 'pass'
    })
    const generation = await store.create({ model: 'trades', version: 1, kind: 'series' })
    hangs = true
    const startedAt = performance.now()
    await rejects('READ_MODEL_STORE_UNAVAILABLE', generation.commit(series(0, 3)))
    await rejects('READ_MODEL_STORE_UNAVAILABLE', store.pointer('trades'))
    assert.ok(performance.now() - startedAt < 20 * operationTimeoutMs)
    await close()
  })

  test('an aborted read ends at once, though the server hangs', async () => {
    let hangs = false
    const { store, close } = await openThrough(server.database(), async ({ name }) => {
      return hangs && name === 'find' ? new Promise<never>(() => {}) : 'pass'
    })
    const generation = await store.create({ model: 'trades', version: 1, kind: 'series' })
    hangs = true
    const caller = new AbortController()
    const reason = new Error('client went away')
    const page = { from: 'a', to: 'z', limit: 3, reverse: false, signal: caller.signal }
    const answer = generation.page(page).catch((error: unknown) => error)
    caller.abort(reason)
    assert.is(await answer, reason)
    await close()
  })

  test('a batch whose last answer was lost is found committed', async () => {
    let updates = 0
    const { store, close } = await openThrough(server.database(), async ({ name, collection }) => {
      if (name !== 'update' || collection !== 'tradelog_checkpoints') return 'pass'
      updates += 1
      // Each batch claims its checkpoint, and then moves it.
      return updates === 4 ? 'lose answer' : 'pass'
    })
    const generation = await store.create({ model: 'trades', version: 1, kind: 'series' })
    assert.is(await generation.commit(series(0, 3)), 'committed')
    await rejects('READ_MODEL_STORE_UNAVAILABLE', generation.commit(series(3, 6)))
    assert.is((await generation.checkpoint()).get(0)?.next, 6)
    assert.equal(await numbersOf(generation), [0, 1, 2, 3, 4, 5])
    await close()
  })

  test('without a server it is unavailable', async () => {
    const { open } = server.database()
    const url = 'mongodb://127.0.0.1:1'
    await rejects('READ_MODEL_STORE_UNAVAILABLE', open({ url, serverSelectionTimeoutMs: 100 }))
  })

  test('a wrong url is refused, and the error does not show it', async () => {
    const { open } = server.database()
    for (const url of ['mongo://u:secret@host', 'mongodb://u:secret@host/?unheardOf=1']) {
      const error = await rejects('CONFIG_INVALID', open({ url }))
      assert.not.match(`${error.stack} ${error.cause}`, 'secret')
    }
  })
}

/** Fifty times as long as a server that works needs. */
const operationTimeoutMs = 500

async function openThrough(
  { options, open }: Pick<TestDatabase, 'options' | 'open'>,
  judge: (command: Command) => Promise<Verdict>,
) {
  const proxy = await mongodbProxy(options.url, judge)
  const store = await open({ url: proxy.url, operationTimeoutMs, serverSelectionTimeoutMs: 500 })
  const close = async () => {
    await proxy.close()
    await store.close()
  }
  return { store, close }
}

const batch = (from: number, to: number): Omit<Commit, 'rows'> => ({
  partition: 0,
  from,
  to,
  applied: to,
  origin: 'log',
})

function series(from: number, to: number): Commit {
  const numbers = Array.from({ length: to - from }, (_, n) => from + n)
  const writes = numbers.map((n) => ({ key: `k${n}`, value: { n } }))
  return { ...batch(from, to), rows: { kind: 'series', writes } }
}

const numbersOf = async (generation: Generation) =>
  (await generation.page({ from: 'k', to: 'l', limit: 100, reverse: false })).map(
    ({ value }) => value.n,
  )

async function rejects(code: ErrorCode, promise: Promise<unknown>) {
  const error = await promise.then(
    () => new Error('the call resolved, but should reject'),
    (reason: unknown) => reason,
  )
  assert.ok(hasCode(error, code), String(error))
  return error
}

if ('reason' in mongodb) test.skip('all', mongodb.reason)
else define(mongodb)
test.run()
