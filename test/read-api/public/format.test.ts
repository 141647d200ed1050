import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { formatDecimal as decimalText } from '../../../src/domain/decimal.ts'
import { suite } from '../../support/suite.ts'

const test = suite('numbers of the page')

/** The file as the browser gets it. */
const { formatChange, formatDecimal, formatVolume, fractionDigits } = await import(
  new URL('../../../src/read-api/public/format.js', import.meta.url).href
)

const shown = (price: string): string => formatDecimal(price, fractionDigits(price))

const prices = {
  '196.38': '196.38',
  '91250.1': '91,250.10',
  '-37.63': '-37.63',
  '61837.63000000': '61,837.63',
  '1.123456785': '1.12345679',
  '999.999999999': '1,000.00000000',
  '284578000.00000004': '284,578,000.00000004',
  '9007199254740993': '9,007,199,254,740,993.00',
  '0.00000000172': '0.00000000172',
  '0.00000000172666667': '0.00000000172667',
  '0': '0.00',
}

for (const [price, text] of Object.entries(prices)) {
  test(`shows the price ${price} as ${text}`, () => assert.is(shown(price), text))
}

test('shows a volume with its own digits, to the last', () => {
  const volumes = {
    '3526246938.98713386': '3,526,246,938.98713386',
    '9007199254740993': '9,007,199,254,740,993',
    '0.50': '0.5',
    '1000': '1,000',
    '0.000000000012': '0.000000000012',
    '0': '0',
  }
  for (const [volume, text] of Object.entries(volumes)) assert.is(formatVolume(volume), text)
})

test('what is not zero is never shown as zero, in a column of any digits', () => {
  assert.is(formatDecimal('0.00000000172', 2), '0.00000000172')
  assert.is(formatDecimal('-0.004', 2), '-0.004')
  assert.is(formatDecimal('0.006', 2), '0.01')
  assert.is(formatDecimal('0', 2), '0.00')
  assert.is(formatDecimal(null, 2), '–')
})

test('a change has its sign, however small, and zero has none', () => {
  const changes = { '1.5': '+1.50', '-0.000000001': '−0.000000001', '0.004': '+0.004', '0': '0.00' }
  for (const [change, text] of Object.entries(changes)) assert.is(formatChange(change, 2), text)
  assert.is(formatChange(null, 2), '–')
})

test('any number of up to eight digits is shown to the digit', () => {
  const numbers = fc.record({
    units: fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
    scale: fc.nat(8),
  })
  fc.assert(
    fc.property(numbers, (number) => {
      const text = decimalText(number)
      assert.is(formatVolume(text).replaceAll(',', ''), text)
    }),
    { numRuns: 1000 },
  )
})

test.run()
