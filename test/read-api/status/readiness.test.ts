import * as assert from 'uvu/assert'
import { readinessCheck } from '../../../src/read-api/status/readiness.ts'
import { faultyReadModelStore } from '../../support/faulty-read-model-store.ts'
import { openMemoryReadModelStore } from '../../support/memory-read-model-store.ts'
import { suite } from '../../support/suite.ts'

const test = suite('readiness of the API')

test('a store that cannot be read now and then is so since the first time', async () => {
  const store = faultyReadModelStore(openMemoryReadModelStore())
  const clock = { ms: 0 }
  const check = readinessCheck({
    store,
    expectsIngest: false,
    now: () => clock.ms,
    timeoutMs: 5_000,
  })
  const sinceOf = async () => {
    const { reasons } = await check()
    return reasons.find(({ part }) => part === 'read-model store')?.since
  }
  for (; clock.ms < 3_600_000; clock.ms += 1_000) {
    store.fault = 'away'
    assert.is(await sinceOf(), new Date(0).toISOString())
    store.fault = 'none'
    assert.is(await sinceOf(), undefined)
  }
  for (let i = 0; i < 60; i++, clock.ms += 1_000) assert.is(await sinceOf(), undefined)
  store.fault = 'away'
  assert.is(await sinceOf(), new Date(clock.ms).toISOString())
})

test.run()
