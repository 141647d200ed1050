import * as assert from 'uvu/assert'
import { TradelogError } from '../../src/domain/errors.ts'
import { createAppender } from '../../src/ingest/appender.ts'
import { createAppendCounts } from '../../src/ingest/counts.ts'
import { finnhubProtocol } from '../../src/ingest/feeds/finnhub/protocol.ts'
import { type IngestOptions, startIngest } from '../../src/ingest/ingestor.ts'
import { eventStoreDouble } from '../support/event-store-double.ts'
import { eventually } from '../support/eventually.ts'
import { keptLog } from '../support/kept-log.ts'
import { someTrades } from '../support/some-trades.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { startScriptedFeed } from './scripted-feed.ts'

const test = suite('what flaps in ingest')
const backoff = { firstMs: 1, maxMs: 1 }

function appenderOf(store: ReturnType<typeof eventStoreDouble>, lastingMs: number) {
  const { logger, entries } = keptLog()
  const over = new AbortController().signal
  const { append } = createAppender(
    {
      eventStore: store,
      backoff: { ...backoff, lastingMs },
      counts: createAppendCounts(),
      logger,
      now: Date.now,
      random: () => 0,
    },
    over,
  )
  return { append, said: (msg: string) => entries.filter((entry) => entry.msg === msg) }
}

function failingOnce(store: ReturnType<typeof eventStoreDouble>) {
  store.beforeAppend(async () => {
    store.beforeAppend(async () => {})
    throw new TradelogError('EVENT_STORE_UNAVAILABLE', 'away')
  })
}

test('an event store that fails every other append is told ever more seldom', async () => {
  const store = eventStoreDouble()
  const { append, said } = appenderOf(store, 60_000)
  for (let i = 0; i < 100; i++) {
    failingOnce(store)
    await append(someTrades(1))
  }
  assert.equal(
    said('event store is away').map(({ failures }) => failures),
    [1, 2, 4, 8, 16, 32, 64],
  )
  assert.equal(said('event store is back'), [])
})

test('an event store that is back for good is told, also if nothing more is appended', async () => {
  const store = eventStoreDouble()
  const { append, said } = appenderOf(store, 20)
  failingOnce(store)
  await append(someTrades(1))
  const [back] = await eventually(() => {
    const lines = said('event store is back')
    return lines.length > 0 ? lines : undefined
  })
  assert.is(back?.failures, 1)
})

const ingestOf = (options: Pick<IngestOptions, 'eventStore' | 'logger'> & { url: string }) =>
  startIngest({
    ...options,
    feeds: [
      {
        source: 'simulated',
        protocol: finnhubProtocol({ url: options.url, source: 'simulated', pingEveryMs: 60_000 }),
        symbols: ['AAPL'],
        isRecorded: false,
      },
    ],
    directory: temporaryDirectory(),
    bufferEventsMax: 20,
    appendEventsMax: 10,
    backoff,
  })

test('an ingest that is elected and refused by turns is told ever more seldom', async () => {
  const { logger, entries } = keptLog()
  const refused = async () => {
    throw new TradelogError('NOT_THE_ACTIVE_WRITER', 'another')
  }
  const eventStore = { ...eventStoreDouble(), heads: refused }
  const ingest = ingestOf({ eventStore, logger, url: 'ws://127.0.0.1:1' })
  const told = () => entries.filter(({ msg }) => msg === 'ingest stands by after a failure')
  await eventually(() => told().at(-1)?.failures === 32)
  assert.equal(
    told().map(({ failures }) => failures),
    [1, 2, 4, 8, 16, 32],
  )
  await ingest.stop({ timeoutMs: 0 })
})

test('a buffer that is full and half empty by turns is told ever more seldom', async () => {
  const { logger, entries } = keptLog()
  const server = await startScriptedFeed()
  const store = eventStoreDouble()
  const ingest = ingestOf({ eventStore: store, logger, url: server.url })
  await eventually(() => server.heard[0]?.length === 1)
  const data = Array.from({ length: 50 }, () => ({ p: 1, s: 'AAPL', t: Date.now(), v: 1 }))
  for (let i = 0; i < 9; i++) {
    let release = () => {}
    const isHeld = new Promise<void>((resolve) => (release = resolve))
    store.beforeAppend(() => isHeld)
    server.send({ type: 'trade', data })
    await eventually(() => ingest.stats().isPaused)
    release()
    await eventually(() => !ingest.stats().isPaused && ingest.stats().buffered === 0)
  }
  const told = entries.filter(({ msg }) => /^buffer/.test(msg))
  assert.equal(
    told.map(({ msg, times }) => [msg, times]),
    [1, 2, 4, 8].map((times) => ['buffer full', times]),
  )
  await ingest.stop({ timeoutMs: 0 })
  await server.close()
})

test.run()
