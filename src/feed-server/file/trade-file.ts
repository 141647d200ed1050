import { isUtf8 } from 'node:buffer'
import { TradelogError } from '../../domain/errors.ts'
import { linesOf } from '../../runtime/lines.ts'
import { bytesOf } from './bytes.ts'
import { csvReader } from './csv.ts'
import type { FileTrade, Place } from './file-trade.ts'
import { formOf } from './first-line.ts'
import { invalidFile, readFailure } from './invalid.ts'
import { frameReader } from './recorded-frame.ts'

/** So many characters are at most 12 MiB as an entry: less than what ingest can receive. */
const charactersMax = 2 * 1024 * 1024

const tooLong = `it has more than ${charactersMax} characters: shorten it, or take it out`

type OnOther = (type: string, line: number) => void

/**
 * The trades of a file, gzip or plain, in its order: CSV with its header, or one Finnhub
 * frame a line, of which only trade frames count; `onOther` gets the types of other messages. It
 * judges only the form of what it reads. Throws `FEED_FILE_INVALID` with file and line.
 */
export async function* tradesOfFile(
  path: string,
  onOther: OnOther = () => {},
): AsyncGenerator<readonly FileTrade[]> {
  const reader = createReader(path, onOther)
  try {
    for await (const lines of linesOf(bytesOf(path), { charactersMax, tooLong })) {
      yield reader.read(lines.map(withoutReturn))
    }
    if (!reader.hasText()) throw invalidFile(path, 'the file is empty')
  } catch (cause) {
    if (cause instanceof TradelogError) throw cause
    if (isDecodingError(cause)) {
      const at = `line ${await lineNotUtf8(path)}`
      throw invalidFile(path, 'it is not UTF-8 text: save the file as UTF-8', { at, cause })
    }
    const at = isTooLong(cause) ? `line ${reader.lines() + 1}` : `after line ${reader.lines()}`
    throw invalidFile(path, readFailure(cause), { at, cause })
  }
}

const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line)

type ReadLine = (line: string, place: Place) => readonly FileTrade[]

function createReader(path: string, onOther: OnOther) {
  let line = 0
  let row = 1
  let form: 'csv' | 'frames' | undefined
  const readFrame = frameReader((type) => onOther(type, line))

  const readLine = (text: string, readCsv: () => ReadLine): readonly FileTrade[] => {
    if (text.trim() === '') return []
    if (form === undefined) {
      form = formOf(text)
      if (form === 'csv') return []
    }
    return (form === 'csv' ? readCsv() : readFrame)(text, { row, line })
  }
  const read = (lines: readonly string[]): readonly FileTrade[] => {
    let csv: ReadLine | undefined
    const readCsv = () => (csv ??= csvReader(lines))
    return lines.flatMap((text) => {
      line++
      try {
        const trades = readLine(text, readCsv)
        row += trades.length
        return trades
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause)
        throw invalidFile(path, reason, { at: `line ${line}`, cause })
      }
    })
  }
  return { read, lines: () => line, hasText: () => form !== undefined }
}

const isTooLong = (error: unknown): boolean => error instanceof Error && error.message === tooLong

const isDecodingError = (error: unknown): boolean =>
  error instanceof TypeError &&
  'code' in error &&
  error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA'

/** The decoder says only in which chunk it failed. */
async function lineNotUtf8(path: string): Promise<number> {
  let line = 1
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of bytesOf(path)) {
    rest = Buffer.concat([rest, chunk])
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      if (!isUtf8(rest.subarray(0, end))) return line
      rest = rest.subarray(end + 1)
      line++
    }
  }
  return line
}
