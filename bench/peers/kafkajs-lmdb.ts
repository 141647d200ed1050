import { open, type RootDatabase } from 'lmdb'
import { consumeTopic } from '../kafka.ts'
import type { Subject } from '../part.ts'
import { type Held, heldText } from './held.ts'

type Trade = {
  symbol: string
  price: string
  volume: string
  executedAt: number
  conditions: string[]
  source: string
}
type SymbolState = { tradeCount: number; lastTradeAt: number }
type Candle = {
  symbol: string
  minute: number
  open: number
  high: number
  low: number
  close: number
  volume: number
  tradeCount: number
}
type Window = { prices: number[]; volumes: number[]; vwap: number }

const minuteMs = 60_000
const windowTrades = 50

/**
 * All four read models as plainly as kafkajs and lmdb allow: state in memory, doubles, one
 * transaction a batch with what has changed. It can't continue after a restart, checks nothing, and
 * assumes that trades come in the order of their time.
 */
export const runPlain: Subject = async (given) => {
  const database = open({ path: given.scratch, noSubdir: false, maxDbs: 8 })
  const models = plainReadModels(database)
  const measured = await consumeTopic(given, models.store)
  const held = heldText(models.held())
  await database.close()
  return { ...measured, held }
}

function plainReadModels(database: RootDatabase) {
  const rows = database.openDB('trades', { sharedStructuresKey: Symbol.for('structures') })
  const tables = {
    symbols: database.openDB('symbols', {}),
    candles: database.openDB<Candle, [string, number]>('candles', {}),
    vwap: database.openDB<Window, string>('vwap', {}),
    checkpoint: database.openDB('checkpoint', {}),
  }
  const symbols = new Map<string, SymbolState>()
  const candles = new Map<string, Candle>()
  const windows = new Map<string, Window>()

  const store = (
    partition: number,
    messages: readonly { offset: string; value: Buffer | null }[],
  ) =>
    database.transactionSync(() => {
      const changedSymbols = new Set<string>()
      const changedCandles = new Set<Candle>()
      for (const { offset, value } of messages) {
        const trade: Trade = JSON.parse(String(value))
        const { symbol, executedAt, ...row } = trade
        rows.put([symbol, executedAt, partition, Number(offset)], row)
        countSymbol(symbols, trade)
        changedCandles.add(extendCandle(candles, trade))
        moveWindow(windows, trade)
        changedSymbols.add(symbol)
      }
      for (const symbol of changedSymbols) {
        tables.symbols.put(symbol, symbols.get(symbol))
        const window = windows.get(symbol)
        if (window !== undefined) tables.vwap.put(symbol, { ...window, vwap: vwapOf(window) })
      }
      for (const candle of changedCandles) {
        tables.candles.put([candle.symbol, candle.minute], candle)
      }
      tables.checkpoint.put(partition, messages.at(-1)?.offset)
    })

  const held = (): Held => {
    const stored = [...tables.candles.getRange({})].map(({ value }) => value)
    const vwaps = [...tables.vwap.getRange({})].map(({ key, value }) => [key, value.vwap] as const)
    return {
      trades: rows.getKeysCount({}),
      minutes: stored.length,
      volume: stored.reduce((sum, { volume }) => sum + volume, 0),
      vwaps: Object.fromEntries(vwaps),
    }
  }
  return { store, held }
}

function countSymbol(symbols: Map<string, SymbolState>, { symbol, executedAt }: Trade): void {
  const state = symbols.get(symbol)
  if (state === undefined) {
    symbols.set(symbol, { tradeCount: 1, lastTradeAt: executedAt })
    return
  }
  state.tradeCount++
  if (executedAt > state.lastTradeAt) state.lastTradeAt = executedAt
}

function extendCandle(latest: Map<string, Candle>, { symbol, executedAt, ...text }: Trade): Candle {
  const price = Number(text.price)
  const minute = executedAt - (executedAt % minuteMs)
  const last = latest.get(symbol)
  if (last !== undefined && last.minute === minute) {
    if (price > last.high) last.high = price
    if (price < last.low) last.low = price
    last.close = price
    last.volume += Number(text.volume)
    last.tradeCount++
    return last
  }
  const prices = { open: price, high: price, low: price, close: price }
  const candle = { symbol, minute, ...prices, volume: Number(text.volume), tradeCount: 1 }
  latest.set(symbol, candle)
  return candle
}

function moveWindow(windows: Map<string, Window>, { symbol, price, volume }: Trade): void {
  const window = windows.get(symbol) ?? { prices: [], volumes: [], vwap: 0 }
  windows.set(symbol, window)
  window.prices.push(Number(price))
  window.volumes.push(Number(volume))
  if (window.prices.length <= windowTrades) return
  window.prices.shift()
  window.volumes.shift()
}

function vwapOf({ prices, volumes }: Window): number {
  let notional = 0
  let volume = 0
  for (const [i, price] of prices.entries()) {
    notional += price * (volumes[i] ?? 0)
    volume += volumes[i] ?? 0
  }
  return notional / volume
}
