import { setTimeout as sleep } from 'node:timers/promises'
import type { FeedClient } from '../src/feed-server/client.ts'
import type { FeedSource } from '../src/feed-server/server.ts'
import { quantile } from './statistics.ts'

/** One in each partition. */
export const liveSymbols = ['AAPL', 'AMD', 'AMZN', 'GOOGL', 'META', 'TSLA']

const frameTradesMax = 100
const tickMs = 5

type Options = Readonly<{ tradesPerSecond: number; seconds: number }>

export type NumberedTrades = FeedSource &
  Readonly<{
    /** When each trade of a symbol was sent, by its number in the symbol, from 1 on. */
    sentAt: (symbol: string, number: number) => number
    sent: () => number
    /** Resolves when the first is sent. */
    begun: Promise<void>
    /** Resolves when the last is sent. */
    ended: Promise<void>
  }>

/**
 * Trades at a steady rate, of each symbol in turn; the code of a trade is its number. If the client
 * reads too slowly, it waits and then makes up for it: no trade is skipped.
 */
export function numberedTrades(options: Options): NumberedTrades {
  const times = liveSymbols.map((): number[] => [])
  const [begin, begun] = deferred()
  const [end, ended] = deferred()
  let sent = 0
  const serve = async (client: FeedClient) => {
    await client.subscribedTo(liveSymbols)
    begin()
    const total = options.tradesPerSecond * options.seconds
    const startedAt = performance.now()
    while (sent < total) {
      const elapsedSeconds = (performance.now() - startedAt) / 1_000
      const due = Math.min(total, Math.floor(elapsedSeconds * options.tradesPerSecond))
      while (sent < due) {
        const length = Math.min(due - sent, frameTradesMax)
        const entries = Array.from({ length }, (_, i) => entryOf(times, sent + i))
        sent += length
        await client.send(`{"data":[${entries.join(',')}],"type":"trade"}`)
      }
      await sleep(tickMs)
    }
    end()
  }
  return {
    serve,
    sentAt: (symbol, number) =>
      times[liveSymbols.indexOf(symbol)]?.[number - 1] ?? Number.POSITIVE_INFINITY,
    sent: () => sent,
    begun,
    ended,
  }
}

function entryOf(times: readonly number[][], index: number): string {
  const of = index % liveSymbols.length
  const number = times[of]?.push(performance.now())
  const price = 100 + (index % 97) / 100
  return `{"c":["${number}"],"p":${price},"s":"${liveSymbols[of]}","t":${Date.now()},"v":${1 + (index % 400)}}`
}

function deferred(): readonly [resolve: () => void, promise: Promise<void>] {
  let resolve = () => {}
  const promise = new Promise<void>((resolved) => {
    resolve = resolved
  })
  return [resolve, promise]
}

/** How long trades took to be seen: of each trade once, or only of every n-th. */
export function arrivals(trades: NumberedTrades, everyNth = 1) {
  const latenciesMs: number[] = []
  const lastSeen = new Map<string, number>()
  return {
    /** Records that all trades of the symbol up to this number have been seen. */
    seen: (symbol: string, number: number): void => {
      const now = performance.now()
      const first = (lastSeen.get(symbol) ?? 0) + 1
      for (let each = first; each <= number; each++) {
        if (each % everyNth === 0) latenciesMs.push(now - trades.sentAt(symbol, each))
      }
      lastSeen.set(symbol, Math.max(number, first - 1))
    },
    /** Drops what was measured so far. */
    restart: (): void => void latenciesMs.splice(0),
    figures: () => ({
      'median ms': quantile(latenciesMs, 0.5),
      '99 % ms': quantile(latenciesMs, 0.99),
    }),
  }
}
