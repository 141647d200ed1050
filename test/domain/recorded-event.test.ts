import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { isBefore, type TradePlace } from '../../src/domain/recorded-event.ts'
import { suite } from '../support/suite.ts'

const test = suite('trade order')

const places: fc.Arbitrary<TradePlace> = fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2))

test('goes by time, then partition, then offset', () => {
  assert.ok(isBefore([1, 9, 9], [2, 0, 0]))
  assert.ok(isBefore([1, 0, 9], [1, 1, 0]))
  assert.ok(isBefore([1, 1, 8], [1, 1, 9]))
  assert.ok(isBefore([1, 1, 9], [1, 1, 10]))
})

test('is total: of two places one is before the other, unless they are one', () => {
  fc.assert(
    fc.property(places, places, (a, b) => {
      const same = a.every((part, i) => part === b[i])
      assert.is(Number(isBefore(a, b)) + Number(isBefore(b, a)), same ? 0 : 1)
    }),
  )
})

test.run()
