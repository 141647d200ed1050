import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { isoOf } from '../../../src/read-api/read-models/time.ts'
import { suite } from '../../support/suite.ts'

const test = suite('times of an answer')

test('are as Date formats them, in any order', () => {
  const range = { min: new Date(-8.64e15), max: new Date(8.64e15), noInvalidDate: true }
  fc.assert(
    fc.property(fc.array(fc.date(range)), (dates) => {
      for (const date of dates) assert.is(isoOf(date.getTime()), date.toISOString())
    }),
  )
  for (let ms = 998; ms < 2_003; ms++) assert.is(isoOf(ms), new Date(ms).toISOString())
})

test('are null if there is none', () => {
  for (const none of [undefined, null, Number.NaN, Infinity, 8.64e15 + 1, '0', new Date()]) {
    assert.is(isoOf(none), null)
  }
})

test.run()
