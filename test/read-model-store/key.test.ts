import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { decodeKey, encodeKey, type KeyPart, keysUnder } from '../../src/read-model-store/key.ts'
import { suite } from '../support/suite.ts'
import { keyParts, symbolText } from '../support/symbol-text.ts'

const test = suite('key')

const bytes = (key: string) => Buffer.from(key, 'utf8')
const compareBytes = (a: string, b: string) => Buffer.compare(bytes(a), bytes(b))

test('gives its parts back', () => {
  fc.assert(fc.property(keyParts, (parts) => assert.equal(decodeKey(encodeKey(parts)), parts)))
})

test('gives back an empty text, and no parts at all', () => {
  for (const parts of [[], [''], ['', ''], ['', 0], ['A', '', 7]]) {
    assert.equal(decodeKey(encodeKey(parts)), parts)
  }
})

test('stands in the order of its parts, byte by byte', () => {
  const pair = fc.tuple(symbolText, symbolText, numbers(2), numbers(2))
  fc.assert(
    fc.property(pair, ([a, b, ofA, ofB]) => {
      const byParts = compareBytes(a, b) || compareNumbers(ofA, ofB)
      assert.is(sign(compareBytes(encodeKey([a, ...ofA]), encodeKey([b, ...ofB]))), sign(byParts))
    }),
  )
})

test('puts 9 before 10 and a symbol before those it begins', () => {
  const keys = [
    ['A', 9],
    ['A', 10],
    ['A', Number.MAX_SAFE_INTEGER],
    ['A '],
    ['A.B', 0],
    ['AA', 0],
  ].map(encodeKey)
  assert.equal([...keys].sort(compareBytes), keys)
})

test('is in the range under another exactly when it begins with its parts', () => {
  const begins = (parts: readonly KeyPart[], head: readonly KeyPart[]) =>
    head.every((part, at) => parts[at] === part)
  const few = fc.tuple(fc.constantFrom('A', 'AA', 'A ', '😀'), fc.nat(120), fc.nat(120))
  fc.assert(
    fc.property(few, few, fc.integer({ min: 1, max: 3 }), (parts, other, length) => {
      const head = other.slice(0, length)
      const { from, to } = keysUnder(head)
      const key = encodeKey(parts)
      const inside = compareBytes(key, from) >= 0 && compareBytes(key, to) < 0
      assert.is(inside, begins(parts, head))
    }),
  )
})

test('refuses a text that contains U+001F', () => {
  assert.throws(() => encodeKey(['A\u001fB', 1]), /U\+001F/)
})

test('returns what it has not made itself as text', () => {
  assert.equal(decodeKey('_x'), ['_x'])
  assert.equal(decodeKey(`${encodeKey(['A', 12])}q9`), ['A', 12, 'q9'])
  assert.equal(decodeKey('A b'), ['A b'])
})

const numbers = (count: number) => fc.array(fc.maxSafeNat(), { minLength: count, maxLength: count })

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index])
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0)
}

const sign = (order: number) => Math.sign(order)

test.run()
