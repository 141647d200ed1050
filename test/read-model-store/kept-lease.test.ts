import * as assert from 'uvu/assert'
import { createLeaseKeeper, type LeaseCalls } from '../../src/read-model-store/kept-lease.ts'
import { eventually } from '../support/eventually.ts'
import { suite } from '../support/suite.ts'

const test = suite('kept lease')

/** A lease just taken, whose store answers as in `calls`. */
function kept(calls: Partial<LeaseCalls> = {}, ttlMs = 60_000) {
  const warnings: string[] = []
  const done = { renewals: 0, releases: 0 }
  const keeper = createLeaseKeeper((_, message) => void warnings.push(message))
  const lease = keeper.keep(
    { name: 'build', fence: 1, ttlMs, takenAt: performance.now() },
    {
      renew: async () => {
        done.renewals += 1
        return calls.renew?.() ?? true
      },
      release: async () => {
        done.releases += 1
        await calls.release?.()
      },
    },
  )
  return { keeper, lease, done, warnings }
}

test('is renewed in the background beyond its time', async () => {
  const { lease, done } = kept({}, 1_500)
  await eventually(() => done.renewals > 3)
  assert.ok(await lease.held())
  await lease.release()
  const { renewals } = done
  assert.not(await lease.held())
  assert.is(done.renewals, renewals)
})

test('is lost as soon as the store says that another holder has it', async () => {
  const { lease, done, warnings } = kept({ renew: async () => false })
  assert.not(await lease.held())
  assert.equal(warnings, ['lease lost: another process has it'])
  await lease.release()
  assert.is(done.releases, 0)
})

test('stays held while it cannot be renewed, until its time is over', async () => {
  const away = async () => {
    throw new Error('away')
  }
  const { lease, warnings } = kept({ renew: away }, 300)
  assert.ok(await lease.held())
  await eventually(async () => !(await lease.held()))
  assert.is(warnings[0], 'lease not renewed')
  await eventually(() => warnings.at(-1) === 'lease lost: it could not be renewed in time')
})

test('warns ever more seldom if every other renewal fails', async () => {
  let isAway = false
  const flap = async () => {
    isAway = !isAway
    if (isAway) throw new Error('away')
    return true
  }
  const { lease, warnings } = kept({ renew: flap })
  for (let i = 0; i < 40; i++) assert.ok(await lease.held())
  await lease.release()
  assert.equal(warnings, Array(5).fill('lease not renewed'), 'the 1st, 2nd, 4th, 8th and 16th')
})

test('is released once, by the first call', async () => {
  const { keeper, lease, done } = kept()
  await Promise.all([lease.release(), keeper.releaseAll(), lease.release()])
  await keeper.releaseAll()
  assert.is(done.releases, 1)
})

test('does not prevent its store from closing if it cannot be released', async () => {
  const { keeper, warnings } = kept({
    release: async () => {
      throw new Error('full')
    },
  })
  await keeper.releaseAll()
  assert.equal(warnings, ['lease not released'])
})

test.run()
