import { csvHeader, fieldsOf, separatorOf } from './csv.ts'
import { frameExample } from './invalid.ts'
import { lookOfArray } from './recorded-frame.ts'

/** What the first line that isn't blank begins; throws what it looks like instead. */
export function formOf(line: string): 'csv' | 'frames' {
  const begin = line.trimStart()
  if (begin.startsWith('{')) return 'frames'
  if (begin.startsWith('[')) throw new Error(lookOfArray)
  if (line.includes('\r')) {
    throw new Error('it looks like line ends of carriage returns alone: save it with line feeds')
  }
  const fields = fieldsOf(line)
  if (fields.join(',') === csvHeader) return 'csv'
  throw new Error(`${lookOf(line, fields)}: ${expected}`)
}

const expected = `expected the header ${csvHeader}, or one Finnhub frame a line: ${frameExample}`

function lookOf(line: string, fields: readonly string[]): string {
  const separator = separatorOf(line)
  if (separator !== undefined) return `it looks like ${separator} instead of commas`
  if (fields.length < 2) return 'neither the header of CSV nor a Finnhub frame'
  if (fields.some(isNumber)) return 'it looks like CSV without a header'
  if (fields.toSorted().join() === csvHeader.split(',').sort().join()) {
    return 'it looks like CSV with its columns in another order'
  }
  return `it looks like CSV with a header of other names (${JSON.stringify(line.slice(0, 80))})`
}

const isNumber = (text: string): boolean => text.trim() !== '' && Number.isFinite(Number(text))
