import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { makeDirectory } from '../../../src/runtime/files/make-directory.ts'
import { suite } from '../../support/suite.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const test = suite('making a directory')

test('makes it with those above it, and leaves one that is there', () => {
  const path = join(temporaryDirectory(), 'a/b/c')
  makeDirectory(path)
  makeDirectory(path)
  assert.ok(statSync(path).isDirectory())
})

test('fails if a file is in its way', () => {
  const file = join(temporaryDirectory(), 'file')
  writeFileSync(file, '')
  for (const path of [file, join(file, 'a/b')]) assert.throws(() => makeDirectory(path))
})

const procTitle = 'ends where no directory can be made'
if (existsSync('/proc/self')) {
  test(procTitle, () => assert.throws(() => makeDirectory('/proc/tradelog/log')))
} else test.skip(procTitle, 'this system has no /proc')

test.run()
