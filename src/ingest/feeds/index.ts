import { TradelogError } from '../../domain/errors.ts'
import type { FeedSection } from '../../runtime/config/config.ts'
import type { FeedProtocol, FeedSettings, LiveFeed } from '../feed.ts'
import { finnhub } from './finnhub/protocol.ts'

/** The registry: every live feed by its name in the settings, one line each. */
const registry: Readonly<Record<string, LiveFeed>> = {
  finnhub,
}

/**
 * The feeds of these names, each with the symbols that are its own: those with its prefix; the
 * first feed without a prefix takes the rest. Throws `CONFIG_INVALID` for a symbol that no feed
 * takes.
 */
export function liveFeeds(
  names: readonly string[],
  symbols: readonly string[],
  sectionOf: (name: string) => FeedSection,
  known = registry,
): readonly FeedSettings[] {
  const feeds = names.map((source) => ({ source, ...feedOf(source, known) }))
  const rest = feeds.find(({ symbolPrefix }) => symbolPrefix === undefined)
  const takerOf = (symbol: string) =>
    feeds.find(({ symbolPrefix }) => symbolPrefix && symbol.startsWith(symbolPrefix)) ?? rest
  const left = symbols.find((symbol) => takerOf(symbol) === undefined)
  if (left !== undefined) throw ofNoFeed(left, feeds)
  return feeds.map((feed) => ({
    source: feed.source,
    protocol: feed.protocol(sectionOf(feed.source)),
    symbols: symbols.filter((symbol) => takerOf(symbol) === feed),
    isRecorded: false,
  }))
}

/** Undefined if no live feed has that name. */
export const liveProtocol = (
  name: string,
  sectionOf: (name: string) => FeedSection,
): FeedProtocol | undefined =>
  Object.hasOwn(registry, name) ? registry[name]?.protocol(sectionOf(name)) : undefined

function feedOf(name: string, known: typeof registry): LiveFeed {
  const feed = Object.hasOwn(known, name) ? known[name] : undefined
  if (feed !== undefined) return feed
  throw new TradelogError('CONFIG_INVALID', `feed: there is no live feed called ${name}`)
}

function ofNoFeed(symbol: string, feeds: readonly Readonly<{ source: string } & LiveFeed>[]) {
  const taken = feeds.map(({ source, symbolPrefix }) => `${source} takes ${symbolPrefix}…`)
  const message = `subscribed_symbols: ${symbol} belongs to no feed: ${taken.join(', ')}`
  return new TradelogError('CONFIG_INVALID', message)
}
