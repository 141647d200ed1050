import * as assert from 'uvu/assert'
import { hasCode } from '../../../src/domain/errors.ts'
import type { LiveFeed } from '../../../src/ingest/feed.ts'
import { finnhub } from '../../../src/ingest/feeds/finnhub/protocol.ts'
import { liveFeeds, liveProtocol } from '../../../src/ingest/feeds/index.ts'
import { suite } from '../../support/suite.ts'

const test = suite('live feeds')

const registry: Readonly<Record<string, LiveFeed>> = {
  finnhub,
  binance: { ...finnhub, symbolPrefix: 'BINANCE:' },
  kraken: { ...finnhub, symbolPrefix: 'KRAKEN:' },
}

const sectionOf = (name: string) => ({ url: `wss://${name}.example`, token: 'hush' })

const symbolsOf = (names: readonly string[], symbols: readonly string[]) =>
  liveFeeds(names, symbols, sectionOf, registry).map((feed) => [feed.source, feed.symbols])

function messageOf(names: readonly string[], symbols: readonly string[]): string {
  try {
    liveFeeds(names, symbols, sectionOf, registry)
    return 'nothing was thrown'
  } catch (error) {
    return hasCode(error, 'CONFIG_INVALID') ? error.message : String(error)
  }
}

test('a feed without a prefix takes every symbol', () => {
  const symbols = ['AAPL', 'BINANCE:BTCUSDT', '__proto__']
  assert.equal(symbolsOf(['finnhub'], symbols), [['finnhub', symbols]])
})

test('of several, each takes the symbols with its prefix, and the first without one the rest', () => {
  const symbols = ['AAPL', 'BINANCE:BTCUSDT', 'KRAKEN:XBT/USD', 'IC MARKETS:1']
  assert.equal(symbolsOf(['binance', 'finnhub', 'kraken'], symbols), [
    ['binance', ['BINANCE:BTCUSDT']],
    ['finnhub', ['AAPL', 'IC MARKETS:1']],
    ['kraken', ['KRAKEN:XBT/USD']],
  ])
})

test('a symbol that no feed takes is refused by name', () => {
  assert.is(
    messageOf(['binance', 'kraken'], ['BINANCE:BTCUSDT', 'AAPL']),
    'subscribed_symbols: AAPL belongs to no feed: binance takes BINANCE:…, kraken takes KRAKEN:…',
  )
})

test('a feed gets its address and its token from the section of its name', () => {
  const [feed] = liveFeeds(['finnhub'], ['AAPL'], sectionOf)
  assert.is(feed?.protocol.url, 'wss://finnhub.example/?token=hush')
  assert.is(feed?.isRecorded, false)
})

test('a name that is not in the registry is refused', () => {
  assert.is(messageOf(['__proto__'], []), 'feed: there is no live feed called __proto__')
})

test('the protocol of a live feed is found by its name, and no other', () => {
  assert.is(liveProtocol('finnhub', sectionOf)?.url, 'wss://finnhub.example/?token=hush')
  assert.is(liveProtocol('file', sectionOf), undefined)
  assert.is(liveProtocol('__proto__', sectionOf), undefined)
})

test.run()
