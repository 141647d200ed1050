import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import * as decimal from '../../src/domain/decimal.ts'
import { parseDecimal } from '../../src/domain/decimal.ts'
import {
  exact,
  isLess,
  minus,
  nothing,
  placesOf,
  plus,
  ratio,
  textOf,
  times,
} from '../../src/verify/exact.ts'
import { suite } from '../support/suite.ts'

const test = suite('exact numbers of the naive folds')

const digits = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n })
const texts = fc
  .tuple(fc.oneof(fc.bigInt({ min: -999n, max: 999n }), digits), fc.nat(30))
  .map(([units, scale]) => decimal.formatDecimal({ units, scale }))

test('equal the decimals of the domain, which share no code with them', () => {
  fc.assert(
    fc.property(texts, texts, (a, b) => {
      const [x, y, p, q] = [exact(a), exact(b), parseDecimal(a), parseDecimal(b)]
      assert.is(textOf(x), a)
      assert.is(textOf(plus(x, y)), decimal.formatDecimal(decimal.add(p, q)))
      assert.is(textOf(minus(x, y)), decimal.formatDecimal(decimal.subtract(p, q)))
      assert.is(textOf(times(x, y)), decimal.formatDecimal(decimal.multiply(p, q)))
      assert.is(isLess(x, y), decimal.compare(p, q) < 0)
    }),
    { numRuns: 1000 },
  )
})

test('divide as the domain does, half to even', () => {
  fc.assert(
    fc.property(texts, texts, fc.nat(30), (a, b, places) => {
      const mean = ratio(exact(a), exact(b), places)
      const expected = decimal.divide(parseDecimal(a), parseDecimal(b), places)
      assert.is(mean && textOf(mean), expected && decimal.formatDecimal(expected))
    }),
    { numRuns: 1000 },
  )
  const half = (text: string) => textOf(ratio(exact(text), exact('2'), 8) ?? nothing)
  assert.equal(
    ['0.00000001', '0.00000003', '-0.00000001', '-0.00000003', '-0.00000005'].map(half),
    ['0', '0.00000002', '0', '-0.00000002', '-0.00000002'],
  )
})

test('count the places of a value as the domain does', () => {
  fc.assert(
    fc.property(texts, fc.constantFrom('', '0', '000'), (text, zeros) => {
      const written = text.includes('.') ? text + zeros : text
      assert.is(placesOf(written), decimal.fractionDigitsOf(written), written)
    }),
  )
})

test('zero has one text, and no ratio', () => {
  for (const text of ['0', '-0', '0.00', '-0.0']) {
    assert.is(textOf(exact(text)), '0')
    assert.is(ratio(exact('1'), exact(text), 8), null)
  }
})

test.run()
