import { isSymbol } from '../../domain/symbol.ts'
import { exactJsonOf, isExactNumber, parseExactJson } from '../../runtime/exact-json.ts'
import type { FieldNames, FileTrade, Place } from './file-trade.ts'
import { frameExample } from './invalid.ts'

const names: FieldNames = { s: 's', p: 'p', v: 'v', t: 't', c: 'c' }

/** `onOther` gets the type of a message that is no trade frame. */
export const frameReader =
  (onOther: (type: string) => void) =>
  (text: string, place: Place): readonly FileTrade[] => {
    const { type, data } = frameOf(text)
    if (type !== 'trade') {
      onOther(type)
      return []
    }
    if (!Array.isArray(data)) throw new Error('a trade frame without a list of trades')
    return data.map((recorded: unknown, i) => tradeOf(recorded, { ...place, row: place.row + i }))
  }

function frameOf(text: string): { type: string; data?: unknown } {
  const value = parse(text)
  if (!isObject(value)) throw new Error(`not a JSON object${lookOfText(text)}`)
  const { type } = value
  const look = lookOfObject(value)
  if (look !== undefined) throw new Error(look)
  if (typeof type !== 'string') throw new Error(`no Finnhub frame: a frame is ${frameExample}`)
  return { ...value, type }
}

function tradeOf(recorded: unknown, { row, line }: Place): FileTrade {
  if (!isObject(recorded)) throw new Error('a trade is not an object')
  const { s: symbol, t: time } = recorded
  const fields = jsonOf(recorded).slice(1, -1)
  return {
    symbol: isSymbol(symbol) ? symbol : null,
    executedAt: typeof time === 'number' ? time : null,
    line,
    names,
    // Of equal names the last one counts: a recorded `row` must not.
    entry: `{${fields}${fields === '' ? '' : ','}"row":${row},"line":${line}}`,
  }
}

function lookOfText(text: string): string {
  if (text.trim() === '{') {
    return `: it looks like JSON over several lines, a frame is ${frameExample}, on one line`
  }
  return text.trimStart().startsWith('[') ? `: ${lookOfArray}` : ''
}

export const lookOfArray = `it looks like a JSON array: give frames, one a line, as ${frameExample}`

function lookOfObject(value: Readonly<Record<string, unknown>>): string | undefined {
  const { type, partition, offset, s, p, symbol, price } = value
  if (type === 'TradelogLog' || (partition !== undefined && offset !== undefined)) {
    return 'it looks like a copy made by tradelog: use npm run copy -- --from FILE --to SETTINGS.yaml'
  }
  if (type !== undefined || (s ?? symbol) === undefined || (p ?? price) === undefined) return
  return `it looks like one JSON trade a line: a frame is ${frameExample}`
}

function parse(text: string): unknown {
  try {
    return parseExactJson(text)
  } catch {
    return undefined
  }
}

function jsonOf(recorded: object): string {
  try {
    return exactJsonOf(recorded) ?? ''
  } catch (cause) {
    throw new Error('a trade is nested too deeply', { cause })
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value)
