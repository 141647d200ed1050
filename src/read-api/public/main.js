import { candlePanel, intervals } from './candles.js'
import { connection } from './connection.js'
import { feedSigns } from './feeds.js'
import { live } from './live.js'
import { pace } from './pace.js'
import { readModelPanel } from './read-models.js'
import { symbolTable } from './symbols.js'
import { tape } from './tape.js'

/** The choice is in the page's address, so that a reload or a bookmark shows the same. */
function chosen() {
  const query = new URLSearchParams(location.hash.slice(1))
  const interval = query.get('interval')
  return {
    symbol: query.get('symbol') ?? undefined,
    interval: intervals.includes(interval) ? interval : intervals[0],
  }
}

let choice = {}
function choose(change) {
  const next = { ...choice, ...change }
  if (next.symbol === choice.symbol && next.interval === choice.interval) return
  const isOtherSymbol = next.symbol !== choice.symbol
  if (next.interval !== choice.interval) stream.open(next.interval)
  choice = next
  if (choice.symbol === undefined) return
  history.replaceState(null, '', `#${new URLSearchParams(choice)}`)
  document.title = `${choice.symbol} · tradelog`
  symbols.select(choice.symbol)
  candles.open(choice.symbol, choice.interval)
  if (isOtherSymbol) trades.open(choice.symbol)
}

const total = pace()
const symbols = symbolTable({ onSelect: (symbol) => choose({ symbol }) })
const candles = candlePanel({ onInterval: (interval) => choose({ interval }) })
const trades = tape()
const health = connection({
  onBack: () => {
    for (const part of [symbols, candles, trades]) part.refresh()
  },
})
const models = readModelPanel({
  onAnswer: () => health.set('api', true),
  onError: () => health.set('api', false),
})
const feeds = feedSigns({
  onAnswer: (areWell) => {
    health.set('feeds', areWell)
    total.expectTrades(areWell)
  },
})
const stream = live({
  onOpen: () => health.set('stream', true),
  onLost: () => health.set('stream', false),
  onTick: (tick) => {
    total.put(tick)
    symbols.put(tick)
    if (choice.symbol === undefined) choose({ symbol: tick.symbol })
    if (tick.symbol === choice.symbol) trades.refresh()
  },
  onCandle: candles.put,
})

choose(chosen())
addEventListener('hashchange', () => choose(chosen()))
symbols.refresh()
models.refresh()
feeds.refresh()
