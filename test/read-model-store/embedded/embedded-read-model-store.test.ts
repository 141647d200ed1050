import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { hasCode } from '../../../src/domain/errors.ts'
import { openEmbeddedReadModelStore } from '../../../src/read-model-store/embedded/embedded-read-model-store.ts'
import { storeError } from '../../../src/read-model-store/embedded/gate.ts'
import { encodeKey } from '../../../src/read-model-store/key.ts'
import type { ReadModelStore, SeriesWrite } from '../../../src/read-model-store/read-model-store.ts'
import { suite } from '../../support/suite.ts'
import { keyParts } from '../../support/symbol-text.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const test = suite('embedded read-model store')

type Context = { directory: string; store: ReadModelStore; at: (time: number) => void }

const withStore = (body: (context: Context) => Promise<void>) => async () => {
  const directory = temporaryDirectory()
  let time = Date.now()
  const store = await openEmbeddedReadModelStore({ directory, now: () => time })
  const at = (next: number) => {
    time = next
  }
  try {
    await body({ directory, store, at })
  } finally {
    await store.close()
  }
}

const createSeries = (store: ReadModelStore) =>
  store.create({ model: 'trades', version: 1, kind: 'series' })

const seriesCommit = (writes: readonly SeriesWrite[]) => ({
  partition: 0,
  from: 0,
  to: 1,
  applied: 1,
  origin: 'log',
  rows: { kind: 'series', writes } as const,
})

test(
  'rows stand in the byte order of their keys, whatever the symbols',
  withStore(async ({ store }) => {
    const sets = fc.array(keyParts, { minLength: 2, maxLength: 100 })
    await fc.assert(
      fc.asyncProperty(sets, async (all) => {
        const keys = [...new Set(all.map(encodeKey))]
        const generation = await createSeries(store)
        await generation.commit(seriesCommit(keys.map((key) => ({ key, value: {} }))))
        const seen: string[] = []
        for await (const rows of generation.scan()) seen.push(...rows.map((row) => row.key))
        await store.drop(generation.info.id)
        const bytes = (key: string) => Buffer.from(key)
        assert.equal(
          seen,
          keys.sort((a, b) => Buffer.compare(bytes(a), bytes(b))),
        )
      }),
      { numRuns: 20 },
    )
  }),
)

test(
  'a folder without an entry is removed when the next generation is made',
  withStore(async ({ directory, store }) => {
    const orphan = join(directory, 'trades-20200101t000000000-00000000')
    mkdirSync(orphan)
    writeFileSync(join(orphan, 'data.mdb'), 'half a file')
    assert.equal(await store.generations(), [])
    const { info } = await createSeries(store)
    assert.not.ok(existsSync(orphan))
    assert.equal(await store.generations(), [info])
  }),
)

test(
  'a generation whose folder was removed by hand is gone, and its folder stays away',
  withStore(async ({ directory, store }) => {
    const { info } = await createSeries(store)
    await store.close()
    rmSync(join(directory, info.id), { recursive: true })
    const again = await openEmbeddedReadModelStore({ directory })
    try {
      const error = await again.open(info.id).catch((error: unknown) => error)
      assert.ok(hasCode(error, 'GENERATION_DROPPED'))
      assert.not.ok(existsSync(join(directory, info.id)))
    } finally {
      await again.close()
    }
  }),
)

test(
  'a dropped generation leaves no folder behind, though others use it still',
  withStore(async ({ directory, store }) => {
    const other = await openEmbeddedReadModelStore({ directory })
    try {
      const { info } = await createSeries(store)
      const generation = await other.open(info.id)
      await store.drop(info.id)
      const error = await generation.checkpoint().catch((error: unknown) => error)
      assert.ok(hasCode(error, 'GENERATION_DROPPED'))
      assert.not.ok(existsSync(join(directory, info.id)))
    } finally {
      await other.close()
    }
  }),
)

test(
  'ids rise even when the clock goes back',
  withStore(async ({ store, at }) => {
    const first = await createSeries(store)
    at(first.info.createdAt - 60_000)
    const second = await createSeries(store)
    assert.ok(second.info.createdAt > first.info.createdAt)
    assert.ok(second.info.id > first.info.id)
  }),
)

test(
  'a status whose writer was silent for a day is deleted',
  withStore(async ({ store, at }) => {
    at(1_000_000_000_000)
    await store.writeStatus('project:1', {})
    at(1_000_000_000_000 + 25 * 3_600_000)
    await store.writeStatus('project:2', {})
    assert.equal(
      (await store.statuses()).map((row) => row.source),
      ['project:2'],
    )
  }),
)

test('faults of the disk get a code of the store and keep their cause', async () => {
  const directory = temporaryDirectory()
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' })
  const broken = Object.assign(new Error('bad page'), { code: -30797 })
  // This disk has room, so the error doesn't mean that it is full.
  const cutShort = Object.assign(new Error('input/output error'), { code: 5 })
  const commitError = Promise.reject(full)
  const failedCommit = Object.assign(new Error('Commit failed'), { commitError })
  for (const [fault, code, cause] of [
    [full, 'READ_MODEL_STORE_FULL', full],
    [failedCommit, 'READ_MODEL_STORE_FULL', full],
    [broken, 'READ_MODEL_STORE_UNAVAILABLE', broken],
    [cutShort, 'READ_MODEL_STORE_UNAVAILABLE', cutShort],
  ] as const) {
    const error = await storeError(directory, fault)
    assert.ok(hasCode(error, code))
    assert.is(error.cause, cause)
    assert.match(error.message, cause.message)
  }
  const mistake = new TypeError('undefined is not a function')
  assert.is(await storeError(directory, mistake), mistake)
})

test.run()
