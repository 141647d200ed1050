import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { TradelogError } from '../../domain/errors.ts'
import { frameOf } from '../frame-cutter.ts'
import type { FileTrade } from './file-trade.ts'
import { frameExample, invalidFile } from './invalid.ts'
import { refusalOf } from './refusal.ts'
import { tradesOfFile } from './trade-file.ts'

/** What ingest does with a frame of trades: a file is judged by no other rule. */
export type JudgeFrame = (frame: Buffer) => Readonly<{
  trades: readonly unknown[]
  rejected: readonly Readonly<{ reason: string }>[]
}>

/** The reason why ingest would not take a trade; undefined if it would. */
export type RefusalReason = (trade: FileTrade) => string | undefined

export type Scan = Readonly<{
  /** Identifies the bytes of the file: 16 hexadecimal digits. */
  hash: string
  rows: number
  symbols: ReadonlySet<string>
  /** How many messages of each type are no trade frames. */
  others: ReadonlyMap<string, number>
  reasonOf: RefusalReason
}>

/**
 * Reads the whole file. Refuses it if its form is wrong, if it lacks a symbol that is `wanted`, or
 * if ingest would take not one of the wanted rows. The rows are judged until one is taken.
 */
export async function scan(
  path: string,
  wanted: readonly string[],
  judge: JudgeFrame,
): Promise<Scan> {
  const hash = await hashOf(path)
  const reasonOf: RefusalReason = ({ entry }) => {
    const { trades, rejected } = judge(Buffer.from(frameOf([entry], hash)))
    return trades.length > 0 ? undefined : (rejected[0]?.reason ?? 'nothing is taken of it')
  }
  const gate = createGate(new Set(wanted), reasonOf)
  const symbols = new Set<string>()
  const others = new Map<string, number>()
  let rows = 0
  const onOther = (type: string) => others.set(type, (others.get(type) ?? 0) + 1)
  for await (const trades of tradesOfFile(path, onOther)) {
    rows += trades.length
    for (const { symbol } of trades) if (symbol !== null) symbols.add(symbol)
    gate.show(trades)
  }
  if (rows === 0) throw invalidFile(path, `it has no trades${lookOf(others)}`)
  for (const symbol of wanted) if (!symbols.has(symbol)) throw noRowsOf(symbol, symbols, path)
  gate.refuseIfNoneIsTaken(path)
  return { hash, rows, symbols, others, reasonOf }
}

async function hashOf(path: string): Promise<string> {
  const digest = createHash('sha256')
  await pipeline(createReadStream(path), digest)
  return digest.digest('hex').slice(0, 16)
}

function createGate(wanted: ReadonlySet<string>, reasonOf: RefusalReason) {
  let isTaken = false
  let rows = 0
  let first: { trade: FileTrade; reason: string } | undefined

  const show = (trades: readonly FileTrade[]) => {
    for (const trade of trades) {
      if (isTaken) return
      const { symbol } = trade
      if (wanted.size > 0 && symbol !== null && !wanted.has(symbol)) continue
      rows++
      const reason = reasonOf(trade)
      isTaken = reason === undefined
      if (reason !== undefined) first ??= { trade, reason }
    }
  }
  const refuseIfNoneIsTaken = (path: string) => {
    if (isTaken || first === undefined) return
    const { trade, reason } = first
    const all = rows === 1 ? '' : `; none of the ${rows} rows can be taken`
    const why = `${refusalOf(reason, trade, Date.now())}${all}`
    throw invalidFile(path, why, { at: `line ${trade.line}` })
  }
  return { show, refuseIfNoneIsTaken }
}

function lookOf(others: ReadonlyMap<string, number>): string {
  const types = [...others.keys()].slice(0, 3).map((type) => JSON.stringify(type.slice(0, 40)))
  if (types.length === 0) return ': only a header'
  return `: its messages are of type ${types.join(', ')}, a trade frame is ${frameExample}`
}

const namedMax = 10

function noRowsOf(symbol: string, symbols: ReadonlySet<string>, path: string): TradelogError {
  const other = [...symbols].find((each) => each.toLowerCase() === symbol.toLowerCase())
  const hint = other === undefined ? '' : `, did you mean ${other}?`
  const named = [...symbols].slice(0, namedMax).join(', ')
  const more = symbols.size > namedMax ? `, … (${symbols.size} in all)` : ''
  const message = `file.symbols: the file has no rows of ${symbol}${hint}; it has ${named}${more}`
  return new TradelogError('CONFIG_INVALID', `${message} (${path})`, { fields: { file: path } })
}
