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

for (const [before, unit] of [
  ['1763645583', 'looks like Unix seconds'],
  ['946684800', 'looks like Unix seconds'],
  ['1763645583544123', 'looks like Unix microseconds'],
  ['1763645583544123456', 'looks like Unix nanoseconds'],
  ['0', 'is no time from the year 2000 on'],
  ['946684799', 'is no time from the year 2000 on'],
  ['9'.repeat(500), 'is no time from the year 2000 on'],
] as const) {
  test(`a time such as ${before.slice(0, 20)} is no empty page: it ${unit}`, () => {
    try {
      parseBefore(before, { texts: ['AAPL'], count: 3 })
      assert.unreachable()
    } catch (error) {
      assert.ok(hasCode(error, 'INVALID_CURSOR'))
      assert.is((error as Error).message, `before ${unit}: give it in Unix milliseconds`)
    }
  })
}

test('digits are Unix ms', () => {
  const [first, last] = ['946684800000', '9'.repeat(15)]
  for (const before of [first, last]) {
    assert.equal(parseBefore(before, { texts: ['AAPL'], count: 3 }), [Number(before)])
  }
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
