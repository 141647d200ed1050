import { parse } from 'csv-parse/sync'
import { isSymbol } from '../../domain/symbol.ts'
import type { FieldNames, FileTrade, Place } from './file-trade.ts'

export const csvHeader = 'symbol,price,volume,timestamp_ms,conditions'

const names: FieldNames = {
  s: 'symbol',
  p: 'price',
  v: 'volume',
  t: 'timestamp_ms',
  c: 'conditions',
}

type Fields = readonly string[]

/**
 * Reads the rows among these lines, one call a line. Without a quote in it, a line's fields are
 * what its commas separate; the others go through a CSV parser together, for speed.
 */
export function csvReader(lines: readonly string[]) {
  const quoted = quotedFields(lines)
  return (line: string, place: Place): readonly FileTrade[] => {
    const fields = quoted.get(line) ?? line.split(',')
    if (fields instanceof Error) throw fields
    return [tradeOf(fields, place)]
  }
}

/** Throws if the quotes are not those of CSV. */
export function fieldsOf(line: string): Fields {
  const fields = quotedFields([line]).get(line) ?? line.split(',')
  if (fields instanceof Error) throw fields
  return fields
}

/** Of each line with quotes; an error in the place of those that can't be read. */
function quotedFields(lines: readonly string[]): ReadonlyMap<string, Fields | Error> {
  const quoted = lines.filter((line) => line.includes('"'))
  if (quoted.length === 0) return new Map()
  const records = parsed(quoted)
  // If a field goes over the end of its line, there are fewer records than lines.
  if (records.length === quoted.length) {
    return new Map(quoted.map((line, i) => [line, records[i] ?? []]))
  }
  return new Map(quoted.map((line) => [line, parsed([line])[0] ?? brokenQuotes]))
}

const brokenQuotes = new Error(
  'its quotes are broken: a quoted field begins and ends with a quote, on one line, and has each quote inside it twice',
)

/** Nothing if a line has broken quotes. */
function parsed(lines: readonly string[]): readonly Fields[] {
  try {
    return parse(lines.join('\n'), { record_delimiter: '\n', relax_column_count: true })
  } catch {
    return []
  }
}

const number = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/
/** Programs that write times with an exponent have rounded them. */
const plainNumber = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/

/** No symbol of an exchange begins or ends with these: another program has put them there. */
const strayEnd = /^[\s"'`‘’“”„«»[\]{}]|[\s"'`‘’“”„«»[\]{}]$/u

function tradeOf(fields: Fields, { row, line }: Place): FileTrade {
  const [symbol = '', price = '', volume = '', time = '', conditions = ''] = fields
  if (fields.length !== 5) throw new Error(notFive(fields))
  if (!isSymbol(symbol) || strayEnd.test(symbol)) throw new Error(noSymbol(symbol))
  if (!number.test(price)) throw new Error(noNumber(names.p, price))
  if (!number.test(volume)) throw new Error(noNumber(names.v, volume))
  if (!plainNumber.test(time)) throw new Error(noNumber(names.t, time))
  const c = conditions === '' ? 'null' : JSON.stringify(conditions.split(';'))
  const s = JSON.stringify(symbol)
  const entry = `{"c":${c},"p":${price},"s":${s},"t":${time},"v":${volume},"row":${row},"line":${line}}`
  return { symbol, executedAt: Number(time), line, names, entry }
}

function notFive(fields: Fields): string {
  const [only = ''] = fields
  const other = fields.length > 1 ? undefined : separatorOf(only)
  if (other !== undefined) return `not five fields: it looks like ${other}, commas are needed`
  const hint = fields.length > 5 ? ': put the one with commas in quotes, join conditions by ;' : ''
  return `not five fields, but ${fields.length}${hint}`
}

/** What separates the fields of a line instead of commas. */
export const separatorOf = (line: string): string | undefined =>
  Object.entries(separators).find(([, mark]) => line.split(mark).length > 3)?.[0]

const separators = {
  'semicolons as separators': ';',
  'tabs as separators': '\t',
  'vertical bars as separators': '|',
}

function noSymbol(text: string): string {
  if (text.trim() !== '' && text !== text.trim()) return hasBlank(names.s, text)
  if (isSymbol(text)) {
    return `the symbol ${shown(text)} begins or ends with a quote or a bracket: take it out`
  }
  return 'the symbol is not 1 to 128 bytes of text without control characters'
}

const hasBlank = (name: string, text: string): string =>
  `the ${name} ${shown(text)} begins or ends with a blank: take the blanks out`

function noNumber(name: string, text: string): string {
  if (text === name) return 'the header again: take this line out'
  if (number.test(text)) return `the ${name} ${text} has an exponent: write all its digits`
  if (number.test(text.trim())) return hasBlank(name, text)
  return `the ${name} ${shown(text)} is not a number${numberHint(text)}`
}

function numberHint(text: string): string {
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    return ': it looks like ISO 8601 text, give Unix time in milliseconds'
  }
  if (/^-?[0-9.]+,[0-9.,]+$/.test(text)) return ': write it with a point, without commas'
  if (/^[-+]?\.[0-9]|^[-+]?[0-9]+\.$/.test(text)) return ': write digits on both sides of the point'
  return ''
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 40))
