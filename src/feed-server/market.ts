import type { UnixMs } from '../domain/time.ts'
import { seededRandom } from './seeded-random.ts'

export type MarketTrade = Readonly<{
  symbol: string
  /** The trade as an entry of a Finnhub frame. */
  entry: string
}>

type Market = Readonly<{
  /** The next trades of these symbols, evenly over the time from `from` to `to`. */
  trades: (of: {
    count: number
    from: UnixMs
    to: UnixMs
    symbols: readonly string[]
  }) => MarketTrade[]
}>

type Instrument = { symbol: string; json: string; openCents: number; cents: number }
type Terms = Readonly<{ c: string; p: string; v: string }>
type Deal = Readonly<{ instrument: Instrument; at: UnixMs; terms: Terms; burstLeft: number }>

const openingPrices: ReadonlyMap<string, number> = new Map(
  Object.entries({
    AAPL: 229.87,
    AMD: 138.35,
    AMZN: 197.12,
    'BINANCE:BTCUSDT': 97_250.4,
    'BINANCE:ETHUSDT': 3_310.55,
    GOOGL: 176.49,
    META: 561.2,
    MSFT: 417.32,
    NVDA: 141.95,
    TSLA: 342.03,
  }),
)

const burstChance = 0.15
const burstTradesMax = 8
const repeatChance = 0.2
/** Of the price, per trade. */
const volatility = 0.0001
/** The part of the way back to its opening price that each trade moves a price. */
const reversion = 0.0002
const roundLots = [100, 100, 100, 200, 300, 500]
const conditionLists = ['null', '["1"]', '["1","12"]', '["1","8","12"]', '["1","24","12"]']

/**
 * A random walk per symbol in ticks of a cent. Like real feeds, it sends bursts of one symbol
 * within one millisecond, and trades equal in every field. The same seed and calls give the same
 * trades; only the times are the caller's.
 */
export function createMarket(seed: number): Market {
  const random = seededRandom(seed)
  const instruments = new Map<string, Instrument>()
  let last: Deal | undefined

  const instrumentOf = (symbol: string): Instrument => {
    const known = instruments.get(symbol) ?? list(symbol)
    instruments.set(symbol, known)
    return known
  }
  const begin = (at: UnixMs, symbols: readonly string[]): Deal => {
    const instrument = instrumentOf(symbols[Math.floor(random() * symbols.length)] ?? '')
    const isBurst = random() < burstChance
    const burstLeft = isBurst ? 1 + Math.floor(random() * (burstTradesMax - 1)) : 0
    return { instrument, at, terms: newTerms(instrument, random), burstLeft }
  }
  const goOn = (deal: Deal): Deal => {
    const terms = random() < repeatChance ? deal.terms : newTerms(deal.instrument, random)
    return { ...deal, terms, burstLeft: deal.burstLeft - 1 }
  }
  const next = (at: UnixMs, symbols: readonly string[]): MarketTrade => {
    const inBurst = last !== undefined && last.burstLeft > 0
    last =
      last && inBurst && symbols.includes(last.instrument.symbol) ? goOn(last) : begin(at, symbols)
    return entryOf(last)
  }
  const trades: Market['trades'] = ({ count, from, to, symbols }) => {
    const stepMs = (to - from) / Math.max(1, count)
    return Array.from({ length: count }, (_, i) => next(Math.floor(from + i * stepMs), symbols))
  }
  return { trades }
}

function list(symbol: string): Instrument {
  const openCents = Math.round((openingPrices.get(symbol) ?? unlistedPrice(symbol)) * 100)
  return { symbol, json: JSON.stringify(symbol), openCents, cents: openCents }
}

/** Any symbol can be subscribed to: each has a fixed opening price, between 10 and 510. */
function unlistedPrice(symbol: string): number {
  let hash = 7
  for (const byte of Buffer.from(symbol)) hash = (Math.imul(hash, 31) + byte) >>> 0
  return 10 + (hash % 50_000) / 100
}

/** Moves the price and draws a size and conditions. */
function newTerms(instrument: Instrument, random: () => number): Terms {
  const { cents, openCents } = instrument
  const step = (random() + random() - 1) * 2 * volatility * cents
  const moved = Math.round(cents + step + (openCents - cents) * reversion)
  instrument.cents = Math.max(1, moved)
  const c = conditionLists[Math.floor(random() * conditionLists.length)] ?? 'null'
  return { c, p: String(instrument.cents / 100), v: sizeOf(instrument, random) }
}

function sizeOf({ symbol }: Instrument, random: () => number): string {
  const draw = random()
  if (symbol.includes(':')) return String(Math.ceil(draw * draw * 50_000) / 100_000)
  if (draw < 0.6) return String(1 + Math.floor(random() * 99))
  return String(roundLots[Math.floor(random() * roundLots.length)])
}

const entryOf = ({ instrument, at, terms }: Deal): MarketTrade => ({
  symbol: instrument.symbol,
  entry: `{"c":${terms.c},"p":${terms.p},"s":${instrument.json},"t":${at},"v":${terms.v}}`,
})
