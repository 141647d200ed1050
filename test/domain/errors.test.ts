import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { errorCodes, hasCode, isRetriable, TradelogError } from '../../src/domain/errors.ts'
import { suite } from '../support/suite.ts'

const test = suite('error codes')

test('every code is in docs/operations.md, and every code there is one', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/operations.md'), 'utf8')
  const rows = text.split('\n').filter((line) => /^\| `[A-Z]/.test(line))
  const documented = rows.flatMap((row) => row.split('|')[1]?.match(/[A-Z][A-Z_]+/g) ?? [])
  assert.equal(documented.sort(), [...errorCodes].sort())
})

test('an error keeps its code, cause and fields', () => {
  const cause = new Error('the disk')
  const error = new TradelogError('EVENT_STORE_FULL', 'full', { cause, fields: { bytes: 1 } })
  assert.ok(hasCode(error, 'EVENT_STORE_FULL'))
  assert.not(hasCode(error, 'TIMEOUT'))
  assert.is(error.cause, cause)
  assert.equal(error.fields, { bytes: 1 })
})

test('a foreign error may pass; one of ours says for itself', () => {
  assert.ok(isRetriable(new Error('ECONNRESET')))
  assert.ok(isRetriable(new TradelogError('CHECKPOINT_MOVED', 'moved')))
  assert.not(isRetriable(new TradelogError('LOG_REPLACED', 'another')))
})

test.run()
