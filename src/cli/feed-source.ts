import { openRecordedTrades } from '../feed-server/recorded-trades.ts'
import { type FeedServer, type FeedSource, startFeedServer } from '../feed-server/server.ts'
import { simulatedTrades } from '../feed-server/simulated-trades.ts'
import type { FeedSettings } from '../ingest/feed.ts'
import { parseMessage } from '../ingest/feeds/finnhub/message.ts'
import { finnhubProtocol } from '../ingest/feeds/finnhub/protocol.ts'
import { liveFeeds } from '../ingest/feeds/index.ts'
import { feedSection } from '../runtime/config/config.ts'
import type { CommandContext } from './command.ts'

/** How often our own feed server pings. */
const ownPingEveryMs = 10_000

/**
 * What ingest connects to: live feeds, or a server of Finnhub's protocol in this process that plays
 * the simulated feed or the file. Empty if the settings say `feed: none`.
 */
export async function feedSettings(context: CommandContext): Promise<readonly FeedSettings[]> {
  const { config } = context
  const [source = 'none'] = config.feed
  if (source === 'none') return []
  if (source !== 'simulated' && source !== 'file') {
    return liveFeeds(config.feed, config.subscribedSymbols, (name) => feedSection(config, name))
  }
  const { url, symbols } = await serveFeed(context, '127.0.0.1', { announcesEnd: true })
  const protocol = finnhubProtocol({ url, source, pingEveryMs: ownPingEveryMs })
  return [{ source, protocol, symbols, isRecorded: source === 'file' }]
}

type ServeOptions = Readonly<{
  /** Only our own ingest knows the frame that says that a file has been played. */
  announcesEnd?: boolean
}>

/** Starts the feed server with the simulated feed or the file. */
export async function serveFeed(
  context: CommandContext,
  host: string,
  options: ServeOptions = {},
): Promise<FeedServer & { symbols: readonly string[] }> {
  const { config, life, logger } = context
  const { source, symbols } = await feedSource(context, options)
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

async function feedSource(
  { config, logger }: CommandContext,
  options: ServeOptions,
): Promise<{ source: FeedSource; symbols: readonly string[] }> {
  if (!config.feed.includes('file')) {
    const source = simulatedTrades({ ...config.simulated, logger })
    return { source, symbols: config.subscribedSymbols }
  }
  const { path, speed, symbols } = config.file
  const source = await openRecordedTrades({
    path,
    speed,
    symbols,
    judge: (frame) => parseMessage(frame, { now: Date.now(), source: 'file' }),
    ...options,
    logger,
  })
  return { source, symbols: symbols.length === 0 ? [...source.symbols] : symbols }
}
