import type { Logger } from 'pino'
import type { UnixMs } from '../domain/time.ts'
import { countFailures, isLogged } from '../runtime/backoff.ts'
import type { FeedClient } from './client.ts'
import { createMarket, type MarketTrade } from './market.ts'
import type { FeedSource } from './server.ts'

type SimulatedTradesOptions = Readonly<{
  /** 0.1 … 200,000, over all symbols. */
  tradesPerSecond: number
  seed: number
  logger: Logger
  now?: () => UnixMs
}>

const tickMsMin = 10
const tickMsMax = 1_000
/** After a stall, trades are made up for at most this time; the time before has no trades. */
const catchUpMsMax = 2_000
const frameTradesMax = 100

/**
 * Trades of a seeded market in real time, for all subscribed symbols. All clients see one market;
 * a client that reads too slowly misses frames, as with a real feed.
 */
export function simulatedTrades(options: SimulatedTradesOptions): FeedSource {
  const { now = Date.now, logger } = options
  const market = createMarket(options.seed)
  const clients = new Set<FeedClient>()
  const pace = createPace(options.tradesPerSecond, now)
  const skipping = countFailures()
  let timer: NodeJS.Timeout | undefined

  const tick = () => {
    const { count, from, to } = pace.due()
    const symbols = [...new Set([...clients].flatMap((client) => [...client.symbols]))]
    if (symbols.length > 0) {
      const behind = broadcast(clients, market.trades({ count, from, to, symbols }))
      const times = behind.size === 0 ? 0 : skipping.failed()
      if (times === 0) skipping.works()
      else if (isLogged(times)) {
        const clientsBehind = behind.size
        logger.warn({ clientsBehind, times }, 'simulated trades are skipped for slow clients')
      }
    }
    timer = setTimeout(tick, pace.tickMs)
  }
  const remove = (client: FeedClient) => {
    clients.delete(client)
    if (clients.size === 0) clearTimeout(timer)
  }
  const serve = async (client: FeedClient) => {
    if (client.signal.aborted) return
    clients.add(client)
    client.signal.addEventListener('abort', () => remove(client), { once: true })
    if (clients.size > 1) return
    pace.restart()
    timer = setTimeout(tick, pace.tickMs)
  }
  return { serve }
}

export function createPace(tradesPerSecond: number, now: () => UnixMs) {
  const tradesPerMs = tradesPerSecond / 1_000
  let from = now()
  let owed = 0
  return {
    tickMs: Math.min(tickMsMax, Math.max(tickMsMin, 1 / tradesPerMs)),
    restart: () => {
      from = now()
      owed = 0
    },
    /** How many trades are due for the time since the last call. */
    due: () => {
      const to = now()
      const since = Math.max(from, to - catchUpMsMax)
      owed += Math.max(0, to - since) * tradesPerMs
      const count = Math.floor(owed)
      owed -= count
      from = to
      return { count, from: Math.min(since, to), to }
    },
  }
}

/** Returns the clients that had no room for all of their trades. */
function broadcast(
  clients: ReadonlySet<FeedClient>,
  trades: readonly MarketTrade[],
): ReadonlySet<FeedClient> {
  const behind = new Set<FeedClient>()
  for (const client of clients) {
    const wanted = trades.filter(({ symbol }) => client.symbols.has(symbol))
    for (let i = 0; i < wanted.length; i += frameTradesMax) {
      const entries = wanted.slice(i, i + frameTradesMax).map(({ entry }) => entry)
      if (!client.offer(`{"data":[${entries.join(',')}],"type":"trade"}`)) behind.add(client)
    }
  }
  return behind
}
