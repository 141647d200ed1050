import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { hasCode, TradelogError } from '../../../src/domain/errors.ts'
import { inDataDirectory } from '../../../src/runtime/files/data-directory.ts'
import { suite } from '../../support/suite.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const test = suite('data directory')

const directory = temporaryDirectory()
const failureOf = (cause: unknown): Promise<unknown> =>
  inDataDirectory(directory, 'log', () => Promise.reject(cause)).catch((error) => error)

const failed = (code: unknown) => Object.assign(new Error('failed'), { code })

test('a directory that can never be used is a wrong setting, also behind an error of a store', async () => {
  for (const [code, name] of [
    ['EACCES', 'EACCES'],
    ['EROFS', 'EROFS'],
    [13, 'EACCES'],
    [20, 'ENOTDIR'],
  ] as const) {
    const cause = failed(code)
    const ours = new TradelogError('EVENT_STORE_UNAVAILABLE', 'the log failed', { cause })
    for (const error of [cause, ours]) {
      const refusal = await failureOf(error)
      assert.ok(hasCode(refusal, 'CONFIG_INVALID'))
      const log = join(directory, 'log')
      assert.is(refusal.message, `"data_directory": ${log} can't be used (${name})`)
      assert.is(refusal.cause, error)
    }
  }
})

test('a disk that is full when a store is opened is a wrong setting', async () => {
  const full = [
    failed('ENOSPC'),
    new TradelogError('EVENT_STORE_FULL', 'full', { cause: failed('EIO') }),
    new TradelogError('READ_MODEL_STORE_FULL', 'full', { cause: failed(-30_792) }),
  ]
  for (const error of full) {
    const refusal = await failureOf(error)
    assert.ok(hasCode(refusal, 'CONFIG_INVALID'))
    assert.match(
      refusal.message,
      /^"data_directory": no space is left on the disk of .*: make room/,
    )
  }
})

test('any other failure stays what it is', async () => {
  for (const error of [failed('EIO'), failed(-30_797), failed('ERR_OF_NODE'), 'a text', null]) {
    assert.is(await failureOf(error), error)
  }
})

test.run()
