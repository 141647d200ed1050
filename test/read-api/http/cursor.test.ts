import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { hasCode } from '../../../src/domain/errors.ts'
import { encodeCursor, parseBefore } from '../../../src/read-api/http/cursor.ts'
import { encodeKey } from '../../../src/read-model-store/key.ts'
import { suite } from '../../support/suite.ts'

const test = suite('cursor')

const symbol = fc
  .string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
  .filter((text) => !/\p{Cc}/u.test(text))
const number = fc.maxSafeNat()

test('decodes to the numbers of its key, and is never all digits', () => {
  fc.assert(
    fc.property(symbol, fc.array(number, { minLength: 1, maxLength: 4 }), (text, numbers) => {
      const cursor = encodeCursor(encodeKey([text, ...numbers]))
      assert.not.match(cursor, /^[0-9]+$/)
      assert.equal(parseBefore(cursor, { texts: [text], count: numbers.length }), numbers)
    }),
  )
})

test('is refused for other rows', () => {
  fc.assert(
    fc.property(symbol, symbol, number, (one, other, at) => {
      const cursor = encodeCursor(encodeKey([one, at]))
      if (one !== other) assert.ok(refuses(cursor, [other], 1))
      assert.ok(refuses(cursor, [one], 2))
      assert.ok(refuses(cursor, [one, other], 1))
    }),
  )
})

test('any other text is refused, and at once', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const key = `${encodeKey(['AAPL'])}${text}`
      const numbers = accepted(encodeCursor(key), ['AAPL'], 3)
      if (numbers !== undefined) assert.is(encodeKey(['AAPL', ...numbers]), key)
    }),
    { numRuns: 1_000 },
  )
  for (const tail of ['a12', 'b1', 'a0a', 'b01a1a1', 'pp', '!', 'q12345678901234567']) {
    assert.ok(refuses(encodeCursor(encodeKey(['AAPL']) + tail), ['AAPL'], 3), tail)
  }
})

test('digits are Unix ms', () => {
  assert.equal(parseBefore('1763645583544', { texts: ['AAPL'], count: 3 }), [1_763_645_583_544])
})

function accepted(cursor: string, texts: string[], count: number) {
  try {
    return parseBefore(cursor, { texts, count })
  } catch (error) {
    assert.ok(hasCode(error, 'INVALID_CURSOR'))
    return undefined
  }
}

const refuses = (cursor: string, texts: string[], count: number): boolean =>
  accepted(cursor, texts, count) === undefined

test.run()
