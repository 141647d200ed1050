import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  add,
  compare,
  type Decimal,
  decimalFromJson,
  decimalFromNumber,
  divide,
  formatDecimal,
  fractionDigitsOf,
  isDecimalText,
  multiply,
  negate,
  parseDecimal,
  subtract,
  zero,
} from '../../src/domain/decimal.ts'
import { suite } from '../support/suite.ts'

const test = suite('decimal')

/** Units ÷ 10^scale in BigInt alone: what every operation is held against. */
type Rational = Readonly<{ units: bigint; scale: number }>

/** Around the borders of what a JavaScript number holds exactly, and far beyond. */
const units = fc.oneof(
  fc.bigInt({ min: -1000n, max: 1000n }),
  fc.bigInt({ min: -20n, max: 20n }).map((near) => BigInt(Number.MAX_SAFE_INTEGER) + near),
  fc.bigInt({ min: -20n, max: 20n }).map((near) => near - BigInt(Number.MAX_SAFE_INTEGER)),
  fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n }),
  fc.bigInt({ min: -(10n ** 320n), max: 10n ** 320n }),
)
const scales = fc.oneof({ weight: 5, arbitrary: fc.nat(12) }, fc.nat(330))
const rationals: fc.Arbitrary<Rational> = fc.record({ units, scale: scales })

/** The text that a rational has by the rules, spelt with no code of the module. */
function textOf({ units, scale }: Rational): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0')
  const point = digits.length - scale
  const text = scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`
  const shortest = text.includes('.') ? text.replace(/\.?0+$/, '') : text
  return units < 0n ? `-${shortest}` : shortest
}

/** As a feed may have written it: with the zeros of its scale. */
function writtenOf({ units, scale }: Rational): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0')
  const point = digits.length - scale
  const sign = units < 0n ? '-' : ''
  return sign + digits.slice(0, point) + (scale === 0 ? '' : `.${digits.slice(point)}`)
}

const decimalOf = (rational: Rational): Decimal => parseDecimal(writtenOf(rational))

const scaled = ({ units, scale }: Rational, to: number): bigint => units * 10n ** BigInt(to - scale)

function sumOf(a: Rational, b: Rational): Rational {
  const scale = Math.max(a.scale, b.scale)
  return { units: scaled(a, scale) + scaled(b, scale), scale }
}

const holds = (law: (a: Rational, b: Rational) => void) =>
  fc.assert(fc.property(rationals, rationals, law), { numRuns: 1000 })

test('a text is parsed and formatted to its shortest form', () => {
  holds((a) => assert.is(formatDecimal(decimalOf(a)), textOf(a)))
})

test('formatting and parsing again changes nothing', () => {
  holds((a) => {
    const text = formatDecimal(decimalOf(a))
    assert.ok(isDecimalText(text), text)
    assert.is(formatDecimal(parseDecimal(text)), text)
  })
})

test('sums and differences are exact', () => {
  holds((a, b) => {
    assert.is(formatDecimal(add(decimalOf(a), decimalOf(b))), textOf(sumOf(a, b)))
    const minusB = { ...b, units: -b.units }
    assert.is(formatDecimal(subtract(decimalOf(a), decimalOf(b))), textOf(sumOf(a, minusB)))
    assert.is(formatDecimal(negate(decimalOf(b))), textOf(minusB))
  })
})

test('products are exact', () => {
  holds((a, b) => {
    const product = { units: a.units * b.units, scale: a.scale + b.scale }
    assert.is(formatDecimal(multiply(decimalOf(a), decimalOf(b))), textOf(product))
  })
})

test('order is that of the numbers, whatever their scales', () => {
  holds((a, b) => {
    const difference = sumOf(a, { ...b, units: -b.units }).units
    const expected = difference < 0n ? -1 : difference > 0n ? 1 : 0
    assert.is(compare(decimalOf(a), decimalOf(b)), expected)
    assert.is(compare(decimalOf(a), decimalOf({ units: a.units * 100n, scale: a.scale + 2 })), 0)
  })
})

test('a quotient is the nearest of so many digits, and the even one of two as near', () => {
  for (const scale of [0, 8, 26]) {
    holds((a, b) => {
      const quotient = divide(decimalOf(a), decimalOf(b), scale)
      if (b.units === 0n) return assert.is(quotient, null)
      assert.ok(quotient)
      assert.is(quotient.scale, scale)
      assertNearest({ units: BigInt(quotient.units), scale }, a, b)
    })
  }
})

/** |a ÷ b − q| ≤ ½ in units of the last digit, without dividing; at exactly ½, q is even. */
function assertNearest({ units: q, scale }: Rational, a: Rational, b: Rational) {
  const numerator = a.units * 10n ** BigInt(scale + b.scale)
  const denominator = b.units * 10n ** BigInt(a.scale)
  const twiceError = absolute(2n * (numerator - q * denominator))
  assert.ok(twiceError <= absolute(denominator))
  if (twiceError === absolute(denominator)) assert.is(q % 2n, 0n)
}

const absolute = (value: bigint): bigint => (value < 0n ? -value : value)

test('halves go to the even digit, on both sides of zero', () => {
  const quotient = (a: string, b: string) => {
    const answer = divide(parseDecimal(a), parseDecimal(b), 8)
    return answer && formatDecimal(answer)
  }
  assert.is(quotient('0.00000001', '2'), '0')
  assert.is(quotient('0.00000003', '2'), '0.00000002')
  assert.is(quotient('-0.00000001', '2'), '0')
  assert.is(quotient('-0.00000003', '2'), '-0.00000002')
  assert.is(quotient('0.00000005', '-2'), '-0.00000002')
  assert.is(quotient('1', '3'), '0.33333333')
  assert.is(quotient('-2', '3'), '-0.66666667')
  assert.is(quotient('0', '0.000'), null)
})

test('every double becomes the shortest plain text that means it, if 100 digits are enough', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = decimalFromNumber(value)
      if (text === undefined) return assert.ok(Math.abs(value) >= 1e100 || Math.abs(value) < 1e-82)
      assert.ok(isDecimalText(text), text)
      assert.is(Number(text), value === 0 ? 0 : value)
      assert.is(formatDecimal(parseDecimal(text)), text)
      const digits = text.replace(/[-.]/g, '').replace(/^0+|0+$/g, '')
      const shortest = String(value).replace(/e.*$/, '').replace(/[-.]/g, '')
      assert.is(digits, shortest.replace(/^0+|0+$/g, ''))
    }),
    { numRuns: 2000 },
  )
})

test('doubles with an exponent are spelt out', () => {
  assert.is(decimalFromNumber(1e-9), '0.000000001')
  assert.is(decimalFromNumber(-1.5e-7), '-0.00000015')
  assert.is(decimalFromNumber(1e21), `1${'0'.repeat(21)}`)
  assert.is(decimalFromNumber(1e99), `1${'0'.repeat(99)}`)
  assert.is(decimalFromNumber(1e100), undefined)
  assert.is(decimalFromNumber(-0), '0')
})

test('a number as JSON writes it keeps every digit', () => {
  const kept = {
    '3526246938.98713386': '3526246938.98713386',
    '284578000.00000004': '284578000.00000004',
    '9007199254740993': '9007199254740993',
    '-0.1': '-0.1',
    '1.10': '1.1',
    '100': '100',
    '100.00': '100',
    '-0': '0',
    '-0.00e5': '0',
    '1.5e-7': '0.00000015',
    '1E5': '100000',
    '1.763645583544e12': '1763645583544',
    '123.456e+1': '1234.56',
    '-120e-1': '-12',
    '0.0012e3': '1.2',
    '0e999999999': '0',
    [`0.${'0'.repeat(98)}1`]: `0.${'0'.repeat(98)}1`,
    [`0.${'0'.repeat(500)}1e501`]: '1',
  }
  for (const [text, expected] of Object.entries(kept)) assert.is(decimalFromJson(text), expected)
})

test('a number that takes more than 100 digits is none, whatever its exponent', () => {
  const long = ['1e-400', '1e999999999', '-1e-999999999', `1e${'9'.repeat(400)}`, '1e100', '1e-100']
  for (const text of [...long, '7'.repeat(101), `0.${'0'.repeat(99)}1`]) {
    assert.is(decimalFromJson(text), undefined, text)
  }
})

test('wherever the point stands and whatever the exponent, the value is the same', () => {
  const exponents = fc.integer({ min: -40, max: 40 })
  const numbers = fc.record({
    units: fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
    scale: fc.nat(20),
  })
  fc.assert(
    fc.property(numbers, exponents, (number, exponent) => {
      const scale = number.scale - exponent
      const expected =
        scale >= 0
          ? textOf({ ...number, scale })
          : textOf({ units: number.units * 10n ** BigInt(-scale), scale: 0 })
      assert.is(decimalFromJson(`${writtenOf(number)}e${exponent}`), expected)
    }),
    { numRuns: 1000 },
  )
})

test('the fractional digits of a value are those without trailing zeros', () => {
  const digits = {
    '0': 0,
    '196.38': 2,
    '61837.63000000': 2,
    '-0.5': 1,
    '100.000': 0,
    '0.00000000172': 11,
  }
  for (const [text, expected] of Object.entries(digits)) {
    assert.is(fractionDigitsOf(text), expected, text)
  }
  holds((a) => assert.is(fractionDigitsOf(writtenOf(a)), textOf(a).split('.')[1]?.length ?? 0))
})

test('zero has one form', () => {
  for (const text of ['0', '-0', '0.000', '-0.0', formatDecimal(negate(zero))]) {
    assert.is(formatDecimal(parseDecimal(text)), '0', text)
  }
})

test('only plain notation is decimal text', () => {
  for (const text of ['0', '-0.5', '196.38', '61837.63000000', `1${'0'.repeat(400)}`]) {
    assert.ok(isDecimalText(text), text)
  }
  const others = [
    '',
    '-',
    '.5',
    '5.',
    '+1',
    '01',
    '1e3',
    'NaN',
    'Infinity',
    ' 1',
    '1\n',
    '1,5',
    '--1',
  ]
  for (const other of [...others, '0x10', '١', 1, 1n, null, undefined, ['1']]) {
    assert.not.ok(isDecimalText(other), JSON.stringify(String(other)))
  }
})

test('large sums come back to plain numbers where they fit', () => {
  const large = parseDecimal('9007199254740993')
  assert.is(typeof large.units, 'bigint')
  assert.is(typeof subtract(large, parseDecimal('2')).units, 'number')
})

test.run()
