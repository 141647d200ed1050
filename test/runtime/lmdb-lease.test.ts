import { spawnSync } from 'node:child_process'
import { hostname } from 'node:os'
import * as assert from 'uvu/assert'
import { openLmdb } from '../../src/runtime/lmdb.ts'
import {
  type LeaseRow,
  type LeaseTable,
  leaseHolder,
  takeLease,
} from '../../src/runtime/lmdb-lease.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const test = suite('leases in lmdb')

async function withLeases(body: (leases: LeaseTable) => unknown): Promise<void> {
  const root = openLmdb(temporaryDirectory())
  try {
    await body(root.openDB('leases', {}))
  } finally {
    await root.close()
  }
}

/** A clock that stands until it is moved. */
function clockAt(nowMs: number) {
  let at = nowMs
  const pass = (ms: number) => {
    at += ms
  }
  return { now: () => at, pass }
}

const rowOf = (fields: Partial<LeaseRow>): LeaseRow => ({
  holder: 'somebody',
  pid: process.ppid,
  host: hostname(),
  process: 'another',
  fence: 7,
  expiresAt: Date.now() + 60_000,
  ...fields,
})

test('a lease has one holder until it is released', () =>
  withLeases(async (leases) => {
    const first = await takeLease(leases, 'a', { ttlMs: 60_000 })
    assert.ok(first?.isHeld())
    assert.is(await takeLease(leases, 'a', { ttlMs: 60_000 }), undefined)
    assert.ok(await takeLease(leases, 'b', { ttlMs: 60_000 }))

    await first?.release()

    const second = await takeLease(leases, 'a', { ttlMs: 60_000 })
    assert.not(first?.isHeld())
    assert.ok(second?.isHeld())
    assert.is(second?.fence, 2)
  }))

test('a holder that hangs is replaced after the time to live, and its renewal is refused', () =>
  withLeases(async (leases) => {
    const { now, pass } = clockAt(1_000)
    const first = await takeLease(leases, 'a', { ttlMs: 300, now })
    pass(299)
    assert.is(await takeLease(leases, 'a', { ttlMs: 300, now }), undefined)

    pass(1)
    const second = await takeLease(leases, 'a', { ttlMs: 300, now })

    assert.ok(second?.isHeld())
    assert.is(await first?.renew(), false)
    await first?.release()
    assert.ok(second?.isHeld(), 'a late release takes nothing from the next holder')
  }))

test('a renewed lease lives on', () =>
  withLeases(async (leases) => {
    const { now, pass } = clockAt(1_000)
    const lease = await takeLease(leases, 'a', { ttlMs: 300, now })

    pass(250)
    assert.is(await lease?.renew(), true)
    pass(250)

    assert.is(await takeLease(leases, 'a', { ttlMs: 300, now }), undefined)
  }))

test('a renewal on its way does not bring back a released lease', () =>
  withLeases(async (leases) => {
    const lease = await takeLease(leases, 'a', { ttlMs: 60_000 })

    const renewal = lease?.renew()
    await Promise.all([lease?.release(), renewal])

    assert.ok(await takeLease(leases, 'a', { ttlMs: 60_000 }))
  }))

test('a dead process of this host is replaced at once', () =>
  withLeases(async (leases) => {
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    leases.putSync('a', rowOf({ pid }))

    assert.is(leaseHolder(leases, 'a'), undefined)
    assert.is((await takeLease(leases, 'a', { ttlMs: 60_000 }))?.fence, 8)
  }))

test('a dead process that had the pid of this one is replaced at once', () =>
  withLeases(async (leases) => {
    leases.putSync('a', rowOf({ pid: process.pid }))
    const first = await takeLease(leases, 'a', { ttlMs: 60_000 })
    assert.is(first?.fence, 8)
    assert.is(await takeLease(leases, 'a', { ttlMs: 60_000 }), undefined)
  }))

test('a process of another host is not judged by its pid', () =>
  withLeases(async (leases) => {
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    leases.putSync('a', rowOf({ pid, host: 'elsewhere' }))

    assert.is(await takeLease(leases, 'a', { ttlMs: 60_000 }), undefined)
    assert.is(leaseHolder(leases, 'a'), `process ${pid} on elsewhere`)
  }))

test.run()
