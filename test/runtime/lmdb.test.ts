import { mkdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { isDiskFull, openLmdb, transact } from '../../src/runtime/lmdb.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const test = suite('lmdb')

test('a file that is not of LMDB is refused by name', () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'data.mdb')
  for (const text of ['short', 'something else, '.repeat(100)]) {
    writeFileSync(path, text)
    assert.throws(() => openLmdb(directory), `${path} is not a file of LMDB`)
  }
})

test('a directory in the place of a file of LMDB is refused by name', () => {
  for (const file of ['data.mdb', 'lock.mdb']) {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, file))
    const message = `${join(directory, file)} is not a file of LMDB: move it away`
    assert.throws(() => openLmdb(directory), message)
  }
})

test('a file of which only the head is left is refused by name', async () => {
  const directory = temporaryDirectory()
  const root = openLmdb(directory)
  for (let i = 0; i < 100; i++) await root.put(i, 'x'.repeat(1_000))
  await root.close()
  const path = join(directory, 'data.mdb')
  for (const bytes of [8_192, 4_096, 100]) {
    truncateSync(path, bytes)
    utimesSync(path, 0, 0)
    assert.throws(() => openLmdb(directory), `${path} was cut: restore its directory from a backup`)
  }
})

test('an environment that others have open is opened, however full it is', async () => {
  const directory = temporaryDirectory()
  const root = openLmdb(directory)
  for (let i = 0; i < 200; i++) {
    const other = openLmdb(directory)
    await root.put(i % 20, 'x'.repeat(i * 100))
    if (i % 3 === 0) await root.remove(i % 7)
    await other.close()
  }
  await root.close()
  await openLmdb(directory).close()
})

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

test('two openings of one directory in one process do not deadlock', async () => {
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

test('a full disk is distinguished from other failures', () => {
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
