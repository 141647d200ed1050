import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import {
  isDiskFull,
  type LeaseRow,
  type LeaseTable,
  leaseHolder,
  openLmdb,
  takeLease,
  transact,
} from '../../src/runtime/lmdb.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const test = suite('lmdb')

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

test('a file that is none of LMDB is refused, and named', () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'data.mdb')
  for (const text of ['short', 'something else, '.repeat(100)]) {
    writeFileSync(path, text)
    assert.throws(() => openLmdb(directory), `${path} is not a file of LMDB`)
  }
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

test('a holder that hangs is replaced after the time to live, and learns it', () =>
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

test('a dead process that had the number of this one is replaced at once', () =>
  withLeases(async (leases) => {
    leases.putSync('a', rowOf({ pid: process.pid }))
    const first = await takeLease(leases, 'a', { ttlMs: 60_000 })
    assert.is(first?.fence, 8)
    assert.is(await takeLease(leases, 'a', { ttlMs: 60_000 }), undefined)
  }))

test('a process of another host is not judged by its number', () =>
  withLeases(async (leases) => {
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    leases.putSync('a', rowOf({ pid, host: 'elsewhere' }))

    assert.is(await takeLease(leases, 'a', { ttlMs: 60_000 }), undefined)
    assert.is(leaseHolder(leases, 'a'), `process ${pid} on elsewhere`)
  }))

test('a transaction that throws leaves nothing', async () => {
  const root = openLmdb(temporaryDirectory())
  const refused = new Error('refused')

  const failure = await transact(root, () => {
    root.putSync('a', 1)
    throw refused
  }).catch((error) => error)

  assert.is(failure, refused)
  assert.is(root.get('a'), undefined)
  await root.close()
})

test('two openings of one directory in one process pass each other', async () => {
  const directory = temporaryDirectory()
  const [left, right] = [openLmdb(directory), openLmdb(directory)]
  left.putSync('count', 0)

  const increments = Array.from({ length: 100 }, (_, i) => {
    const root = i % 2 === 0 ? left : right
    return transact(root, () => root.putSync('count', root.get('count') + 1))
  })
  await Promise.all(increments)

  assert.is(right.get('count'), 100)
  await left.close()
  await right.close()
})

test('a directory that cannot be made is an error', () => {
  assert.throws(() => openLmdb(join('/dev/null', 'log')))
})

test('a full disk is told from other failures', () => {
  const directory = temporaryDirectory()
  const failed = (code: unknown) => isDiskFull(directory, Object.assign(new Error(), { code }))

  assert.ok(failed(28), 'ENOSPC')
  assert.ok(failed(-30_792), 'MDB_MAP_FULL')
  assert.ok(failed('ENOSPC'), 'of Node')
  assert.not(failed(5), 'EIO, on a disk with room')
  assert.not(failed(13), 'EACCES')
  assert.not(isDiskFull(directory, 'a text'))
})

test.run()
