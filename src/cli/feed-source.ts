import { openRecordedTrades } from '../feed-server/recorded-trades.ts'
import { type FeedServer, type FeedSource, startFeedServer } from '../feed-server/server.ts'
import { simulatedTrades } from '../feed-server/simulated-trades.ts'
import type { FeedSettings } from '../ingest/term.ts'
import type { CommandContext } from './command.ts'

/** How often Finnhub pings, more or less; our own server does it more often. */
const finnhubPingEveryMs = 60_000
const ownPingEveryMs = 10_000

/**
 * What ingest connects to: Finnhub, or a server of its protocol in this process that plays the
 * simulated feed or the file. Undefined where the settings say `feed: none`.
 */
export async function feedSettings(context: CommandContext): Promise<FeedSettings | undefined> {
  const { feed, finnhub, subscribedSymbols } = context.config
  if (feed === 'none') return undefined
  if (feed === 'finnhub') {
    const { url, token } = finnhub
    const symbols = subscribedSymbols
    return { url, token, symbols, pingEveryMs: finnhubPingEveryMs, source: 'finnhub' }
  }
  const { url, symbols } = await serveFeed(context, '127.0.0.1')
  return { url, symbols, pingEveryMs: ownPingEveryMs, source: feed }
}

/** Starts the feed server with the simulated feed or the file. */
export async function serveFeed(
  context: CommandContext,
  host: string,
): Promise<FeedServer & { symbols: readonly string[] }> {
  const { config, life, logger } = context
  const { source, symbols } = await feedSource(context)
  const server = life.own(
    await startFeedServer({
      host,
      port: config.feedPort,
      source,
      pingEveryMs: ownPingEveryMs,
      logger,
    }),
  )
  return { ...server, symbols }
}

async function feedSource({
  config,
  logger,
}: CommandContext): Promise<{ source: FeedSource; symbols: readonly string[] }> {
  if (config.feed !== 'file') {
    const source = simulatedTrades({ ...config.simulated, logger })
    return { source, symbols: config.subscribedSymbols }
  }
  const { path, speed, symbols } = config.file
  const source = await openRecordedTrades({
    path,
    speed,
    ...(symbols.length === 0 ? {} : { symbols }),
    logger,
  })
  return { source, symbols: symbols.length === 0 ? [...source.symbols] : symbols }
}
