import type { FeedProtocol, LiveFeed } from '../../feed.ts'
import { type FinnhubSource, parseMessage } from './message.ts'

/** How often Finnhub pings, more or less. */
const pingEveryMs = 60_000

type Address = Readonly<{
  url: string
  /** Sent in the address, as Finnhub wants it. */
  token?: string
  source: FinnhubSource
  pingEveryMs: number
}>

/** Finnhub's protocol, at Finnhub itself or at a server of this program that speaks it. */
export const finnhubProtocol = ({ url, token, source, pingEveryMs }: Address): FeedProtocol => ({
  url: withToken(url, token),
  pingEveryMs,
  subscribe: framesOf('subscribe'),
  unsubscribe: framesOf('unsubscribe'),
  parse: (message, now) => parseMessage(message, { now, source }),
  messageOf: (trades) => `{"type":"trade","data":${trades}}`,
})

export const finnhub: LiveFeed = {
  protocol: ({ url, token = '' }) =>
    finnhubProtocol({ url, token, source: 'finnhub', pingEveryMs }),
}

function withToken(url: string, token = ''): string {
  if (token === '' || !URL.canParse(url)) return url
  const address = new URL(url)
  address.searchParams.set('token', token)
  return address.href
}

const framesOf = (type: string) => (symbols: readonly string[]) =>
  symbols.map((symbol) => JSON.stringify({ type, symbol }))
