import * as assert from 'uvu/assert'
import { hasCode, TradelogError } from '../../src/domain/errors.ts'
import { inDataDirectory } from '../../src/runtime/data-directory.ts'
import { suite } from '../support/suite.ts'

const test = suite('data directory')

const failureOf = (cause: unknown): Promise<unknown> =>
  inDataDirectory('/some/where', () => Promise.reject(cause)).catch((error) => error)

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
      assert.is(refusal.message, `"data_directory": /some/where can't be used (${name})`)
      assert.is(refusal.cause, error)
    }
  }
})

test('any other failure stays what it is', async () => {
  for (const error of [failed('ENOSPC'), failed(-30_797), failed('ERR_OF_NODE'), 'a text', null]) {
    assert.is(await failureOf(error), error)
  }
})

test.run()
