import { TradelogError } from '../../src/domain/errors.ts'
import type { FeedSettings } from '../../src/ingest/feed.ts'
import { finnhubProtocol } from '../../src/ingest/feeds/finnhub/protocol.ts'
import { type Ingest, type IngestOptions, startIngest } from '../../src/ingest/ingestor.ts'
import { eventStoreDouble } from '../support/event-store-double.ts'
import { eventually } from '../support/eventually.ts'
import { silent } from '../support/silent.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { type ScriptedFeed, startScriptedFeed } from './scripted-feed.ts'

export const away = () => Promise.reject(new TradelogError('EVENT_STORE_UNAVAILABLE', 'away'))

export type Double = ReturnType<typeof eventStoreDouble>

type Feed = Readonly<{ url: string; symbols?: readonly string[]; pingEveryMs?: number }>

export const feedOf = (
  { url, symbols = ['AAPL'], pingEveryMs = 60_000 }: Feed,
  source: 'file' | 'simulated' = 'simulated',
): FeedSettings => ({
  source,
  protocol: finnhubProtocol({ url, source, pingEveryMs }),
  symbols,
  isRecorded: source === 'file',
})

type Options = Partial<IngestOptions> &
  Readonly<{ source?: 'file'; symbols?: readonly string[]; pingEveryMs?: number }>

export function startOn(eventStore: Double, url: string, options: Options = {}): Ingest {
  const { source = 'simulated', symbols = ['AAPL'], pingEveryMs = 60_000, ...rest } = options
  return startIngest({
    eventStore,
    feeds: [feedOf({ url, symbols, pingEveryMs }, source)],
    directory: temporaryDirectory(),
    bufferEventsMax: 1_000,
    appendEventsMax: 100,
    backoff: { firstMs: 1, maxMs: 5 },
    logger: silent,
    ...rest,
  })
}

type Running = Readonly<{ store: Double; server: ScriptedFeed; ingest: Ingest }>

/** An ingest on a scripted feed, when it is connected or stands by. */
export async function withIngest(
  options: Options,
  body: (running: Running) => Promise<void>,
  store = eventStoreDouble(),
): Promise<void> {
  const server = await startScriptedFeed()
  const ingest = startOn(store, server.url, options)
  try {
    await eventually(() => ingest.stats().isConnected || ingest.stats().state !== 'active')
    await body({ store, server, ingest })
  } finally {
    await ingest.stop({ timeoutMs: 100 })
    await server.close()
  }
}

/** What a partition holds, in short: `AAPL 1`, or `AAPL disconnected…` while that goes on. */
export const orderOf = (store: Double, partition = 0): readonly string[] =>
  (store.log[partition] ?? []).map(({ event }) => {
    if (event.type === 'TradeExecuted') return `${event.symbol} ${event.price}`
    if (event.type !== 'FeedInterrupted') return event.type
    return `${event.symbol} ${event.reason}${event.until === null ? '…' : ''}`
  })
