import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { TradelogError } from '../domain/errors.ts'
import { isSymbol } from '../domain/symbol.ts'
import { linesOf } from '../runtime/lines.ts'

/** One trade of a file, ready to be sent. */
export type FileTrade = Readonly<{
  /** Null if a recorded frame holds something else: ingest rejects that, not this reader. */
  symbol: string | null
  executedAt: number | null
  /** The entry of a Finnhub frame: numbers as the file has them, and its `row`, counted from 1. */
  entry: string
}>

type ReadLine = (line: string, row: number) => readonly FileTrade[]

const csvHeader = 'symbol,price,volume,timestamp_ms,conditions'

const lineLimit = { charactersMax: 1024 * 1024, tooLong: 'a line is too long' }

/**
 * The trades of a file, gzip or plain, in its order: CSV with the header above, or one Finnhub
 * frame a line, of which only trade frames count. Throws `FEED_FILE_INVALID` with file and line.
 */
export async function* tradesOfFile(path: string): AsyncGenerator<readonly FileTrade[]> {
  const reader = createReader(path)
  try {
    for await (const lines of linesOf(await bytesOf(path), lineLimit)) {
      yield lines.map(withoutReturn).flatMap(reader.read)
    }
    if (reader.lines() === 0) throw new Error('the file is empty')
  } catch (error) {
    throw error instanceof TradelogError ? error : invalid(path, 'after', reader.lines(), error)
  }
}

async function bytesOf(path: string): Promise<AsyncIterable<Buffer>> {
  const gzipped = await isGzip(path)
  const file = createReadStream(path)
  // Errors of either stream come out of the last one, which is being iterated.
  return gzipped ? pipeline(file, createGunzip(), () => {}) : file
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer.readUInt16BE() === 0x1f8b
  } finally {
    await file.close()
  }
}

const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line)

function createReader(path: string) {
  let line = 0
  let row = 1
  let readLine: ReadLine | undefined
  const read = (text: string): readonly FileTrade[] => {
    line++
    try {
      readLine ??= formOf(text)
      const isRow = text !== '' && !(line === 1 && text === csvHeader)
      const trades = isRow ? readLine(text, row) : []
      row += trades.length
      return trades
    } catch (error) {
      throw invalid(path, 'in', line, error)
    }
  }
  return { read, lines: () => line }
}

function formOf(firstLine: string): ReadLine {
  if (firstLine === csvHeader) return readCsvLine
  if (firstLine.startsWith('{')) return readFrame
  throw new Error(`neither the header ${csvHeader} nor a Finnhub frame`)
}

function invalid(path: string, at: 'in' | 'after', line: number, error: unknown) {
  const reason = error instanceof Error ? error.message : String(error)
  return new TradelogError('FEED_FILE_INVALID', `${path}, ${at} line ${line}: ${reason}`, {
    cause: error,
    fields: { file: path, line },
  })
}

const number = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/
const wholeNumber = /^[0-9]{1,15}$/

const readCsvLine: ReadLine = (line, row) => {
  const [symbol, price = '', volume = '', time = '', conditions, ...more] = line.split(',')
  if (conditions === undefined || more.length > 0) throw new Error('not five fields')
  if (!isSymbol(symbol)) throw new Error('the symbol is not 1 to 128 bytes of text')
  if (!number.test(price)) throw new Error('the price is not a number')
  if (!number.test(volume)) throw new Error('the volume is not a number')
  if (!wholeNumber.test(time)) throw new Error('timestamp_ms is not a whole number')
  const c = conditions === '' ? 'null' : JSON.stringify(conditions.split(';'))
  const s = JSON.stringify(symbol)
  const entry = `{"c":${c},"p":${price},"s":${s},"t":${time},"v":${volume},"row":${row}}`
  return [{ symbol, executedAt: Number(time), entry }]
}

const readFrame: ReadLine = (line, firstRow) => {
  const frame = parseObject(line)
  if (frame === undefined) throw new Error('not a JSON object')
  if (frame.type !== 'trade') return []
  if (!Array.isArray(frame.data)) throw new Error('a trade frame without a list of trades')
  return frame.data.map((recorded: unknown, i) => {
    if (!isObject(recorded)) throw new Error('a trade is not an object')
    const { s: symbol, t: time } = recorded
    return {
      symbol: isSymbol(symbol) ? symbol : null,
      executedAt: typeof time === 'number' ? time : null,
      entry: JSON.stringify({ ...recorded, row: firstRow + i }),
    }
  })
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
