import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { pathFault } from '../../../src/runtime/files/path-fault.ts'
import { suite } from '../../support/suite.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const test = suite('fault of a path')

const root = temporaryDirectory()
const at = (...names: string[]) => join(root, ...names)
mkdirSync(at('folder'))
writeFileSync(at('file'), '')
symlinkSync(at('nowhere'), at('dangling'))
symlinkSync(at('circle'), at('circle'))

function failure(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}

const fileInTheWay = `${at('file')} is a file, not a directory: name another path, or move it away`
const link = `${at('dangling')} is a symbolic link to ${at('nowhere')}, which doesn't exist: correct it`
const isFolder = `${at('folder')} is a directory, not a file: name a file`

type Case = readonly [what: string, path: string, fault: string]

const reads: readonly Case[] = [
  ['a missing file', at('none'), `${at('none')} doesn't exist: correct the path`],
  [
    'a file of a missing directory',
    at('none/deep/file'),
    `${at('none/deep/file')} doesn't exist, nor does ${at('none')}: correct the path`,
  ],
  ['a directory', at('folder'), isFolder],
  ['a file as a directory', at('file/inside'), fileInTheWay],
  ['a link to nothing', at('dangling'), link],
  ['what is behind a link to nothing', at('dangling/inside'), link],
  [
    'links in a circle',
    at('circle'),
    `the symbolic links of ${at('circle')} lead in a circle: correct them`,
  ],
  [
    'a long name',
    at('x'.repeat(300)),
    `the path ${at('x'.repeat(300)).slice(0, 100)}… is too long: name a shorter one`,
  ],
]

for (const [what, path, fault] of reads) {
  test(`${what} can't be read`, () => {
    const error = failure(() => readFileSync(path))
    assert.is(pathFault(path, 'read', error), fault)
  })
}

const writes: readonly Case[] = [
  [
    'a missing directory',
    at('none/deep/file'),
    `the directory ${at('none/deep')} doesn't exist: make it, or correct the path`,
  ],
  ['a directory', at('folder'), isFolder],
  ['a file as a directory', at('file/inside'), fileInTheWay],
  ['a directory that a link lacks', at('dangling/inside'), link],
]

for (const [what, path, fault] of writes) {
  test(`${what} can't be written`, () => {
    const error = failure(() => writeFileSync(path, 'text'))
    assert.is(pathFault(path, 'write', error), fault)
  })
}

const directories: readonly Case[] = [
  ['a file', at('file'), fileInTheWay],
  ['what is in a file', at('file/inside/deep'), fileInTheWay],
  ['a link to nothing', at('dangling/inside'), link],
]

for (const [what, path, fault] of directories) {
  test(`${what} is no directory`, () => {
    const error = failure(() => mkdirSync(path, { recursive: true }))
    assert.is(pathFault(path, 'directory', error), fault)
  })
}

test('a file in a directory is at fault if the directory is not', () => {
  mkdirSync(at('store/data.mdb'), { recursive: true })
  const denied = Object.assign(new Error(), { code: 'EACCES' })
  assert.is(
    pathFault(at('store'), 'directory', denied, ['lock.mdb', 'data.mdb']),
    `${at('store/data.mdb')} is a directory, not a file: name a file`,
  )
})

test('a full disk is named, and what to do', () => {
  const full = Object.assign(new Error(), { code: 'ENOSPC' })
  assert.is(
    pathFault(at('file'), 'write', new Error('behind another', { cause: full })),
    `no space is left on the disk of ${at('file')}: make room, or name another path`,
  )
})

test('any other failure is left to others', () => {
  assert.is(pathFault(at('file'), 'read', new TypeError('a defect')), undefined)
  const odd = Object.assign(new Error(), { code: 'EIO' })
  assert.is(pathFault(at('file'), 'read', odd), `${at('file')} can't be used (EIO)`)
})

const permit = 'change its owner or permissions, or name another path'

function forbidden() {
  for (const name of ['shut', 'sealed']) mkdirSync(at(name))
  writeFileSync(at('secret'), '')
  chmodSync(at('secret'), 0)
  chmodSync(at('sealed'), 0o555)
  chmodSync(at('shut'), 0)
  const read = (path: string) =>
    pathFault(
      path,
      'read',
      failure(() => readFileSync(path)),
    )
  assert.is(read(at('secret')), `this user may not read ${at('secret')}: ${permit}`)
  assert.is(read(at('shut/file')), `this user may not look into ${at('shut')}: ${permit}`)
  const error = failure(() => writeFileSync(at('sealed/file'), ''))
  assert.is(
    pathFault(at('sealed/file'), 'write', error),
    `this user may not write in ${at('sealed')}: ${permit}`,
  )
  chmodSync(at('shut'), 0o700)
}

const forbiddenTitle = 'what this user may not read, enter or write is named'
if (process.getuid?.() === 0) test.skip(forbiddenTitle, 'root may read and write everything')
else test(forbiddenTitle, forbidden)

test.run()
