import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { exactJsonOf, isExactNumber, parseExactJson } from '../../src/runtime/exact-json.ts'
import { suite } from '../support/suite.ts'

const test = suite('exact JSON')

/** Parsed and written again. */
const again = (text: string): string | undefined => exactJsonOf(parseExactJson(text))

const changedByDoubles = [
  '3526246938.98713386',
  '284578000.00000004',
  '9007199254740993',
  '0.123456789012345678901234567890',
  '1e-400',
  '-1e999999999',
  '7'.repeat(200),
]

test('a number that a double would change keeps its text', () => {
  for (const text of changedByDoubles) {
    const value = parseExactJson(text)
    assert.ok(isExactNumber(value), text)
    assert.is(value.value, text)
    for (const within of [`[${text}]`, `{"a":[1,{"b":${text},"c":"é \\"1e5"}]}`]) {
      assert.is.not(JSON.stringify(JSON.parse(within)), within)
      assert.is(again(within), within)
    }
  }
})

test('a number that a double keeps is one, however it is written', () => {
  const kept = [
    '0',
    '-0',
    '0.1',
    '1.10',
    '1E5',
    '1.5e-7',
    '0.30000000000000004',
    '1.763645583544e12',
  ]
  for (const text of [...kept, '1763645583544.00000', '9007199254740992']) {
    assert.is(parseExactJson(text), Number(text), text)
  }
})

test('what JSON writes is parsed and written again as it was', () => {
  fc.assert(
    fc.property(fc.json({ stringUnit: 'binary' }), (text) => {
      const value = JSON.stringify(JSON.parse(text))
      assert.is(again(value), value)
      const beside = `[1.000000000000000000001,${value}]`
      assert.is(again(beside), beside)
    }),
    { numRuns: 300 },
  )
})

test('the same texts are JSON, with a long number in them and without', () => {
  const texts = ['', ' ', '{', '[1,]', '{"a":1,}', '01', '.5', '1.', '+1', 'NaN', "'a'", '"\\x"']
  const isSyntaxError = (error: unknown) => error instanceof SyntaxError
  for (const text of [
    ...texts,
    '"\u0001"',
    'nul',
    '{a:1}',
    '[1e]',
    '1 2',
    '\uFEFF1',
    '[1]\u00a0',
  ]) {
    assert.throws(() => parseExactJson(text), isSyntaxError)
    assert.throws(() => parseExactJson(`[1e-400,${text}]`), isSyntaxError)
  }
})

test('of a key that is repeated the last value counts, and keys of prototypes are keys', () => {
  const text = '{"a":{"b":1},"a":1e-400,"__proto__":{"x":1},"constructor":2,"a":3}'
  const value = parseExactJson(text)
  assert.is(exactJsonOf(value), '{"a":3,"__proto__":{"x":1},"constructor":2}')
  assert.is(Object.getPrototypeOf(value), Object.prototype)
})

test.run()
