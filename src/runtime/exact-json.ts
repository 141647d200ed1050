import { isLosslessNumber, LosslessNumber, parse, stringify } from 'lossless-json'
import { decimalFromJson, decimalFromNumber } from '../domain/decimal.ts'

/** A number of a JSON text that no double holds; `value` is its text, as JSON writes numbers. */
type ExactNumber = Readonly<{ value: string }>

export const isExactNumber: (value: unknown) => value is ExactNumber = isLosslessNumber

/**
 * As `JSON.parse`, which it is for ordinary texts, but no number changes: one that a double would
 * change is an `ExactNumber`. A text with such a number may nest some thousand levels deep, not
 * more.
 */
export const parseExactJson = (text: string): unknown =>
  mayChange(text) ? parse(text, undefined, { parseNumber, onDuplicateKey }) : JSON.parse(text)

/** As `JSON.stringify` without spaces, of what `parseExactJson` gives: with all its digits. */
export const exactJsonOf = (value: unknown): string | undefined => stringify(value)

/** A double keeps every decimal of this many digits. */
const keptDigitsMax = 15

/** Whether a text may hold a number with an exponent or with more digits than a double keeps. */
const mayChange = (text: string): boolean =>
  hasLongNumber(text) || hasExponent(text, 'e') || hasExponent(text, 'E')

function hasExponent(text: string, mark: 'e' | 'E'): boolean {
  let at = text.indexOf(mark)
  while (at >= 0 && !isInNumber(text, at - 1)) at = text.indexOf(mark, at + 1)
  return at >= 0
}

/** A number longer than `keptDigitsMax` covers one of the characters that are looked at. */
function hasLongNumber(text: string): boolean {
  for (let at = keptDigitsMax; at < text.length; at += keptDigitsMax + 1) {
    if (!isInNumber(text, at)) continue
    let end = at + 1
    while (isOfNumber(text, end)) end++
    if (end - startOf(text, at) > keptDigitsMax) return true
  }
  return false
}

/** Not within a text or a name: hashes and ids of digits are common there. */
function isInNumber(text: string, at: number): boolean {
  if (!isOfNumber(text, at)) return false
  const before = startOf(text, at) - 1
  return beforeNumbers.includes(text[text[before] === '-' ? before - 1 : before] ?? ' ')
}

const beforeNumbers = ':,[ \n\r\t'

function startOf(text: string, at: number): number {
  let start = at
  while (isOfNumber(text, start - 1)) start--
  return start
}

/** A digit or a point: 46, and 48 to 57. */
function isOfNumber(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code <= 57 && code >= 46 && code !== 47
}

function parseNumber(text: string): unknown {
  const exact = decimalFromJson(text)
  const value = Number(text)
  const isKept = exact !== undefined && decimalFromNumber(value) === exact
  return isKept ? value : new LosslessNumber(text)
}

/** The last one counts, as for `JSON.parse`. */
const onDuplicateKey = ({ newValue }: { newValue: unknown }): unknown => newValue
