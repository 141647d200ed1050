import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { startFeedServer } from '../src/feed-server/server.ts'
import { type RunningTradelog, startTradelog } from '../test/support/tradelog.ts'
import { type Client, createClient } from './http-load.ts'
import { arrivals, liveSymbols, type NumberedTrades, numberedTrades } from './numbered-trades.ts'
import type { Given, Measured, Part, Subject } from './part.ts'
import { anonymousBytes, cpuSecondsOf, watchMemory } from './process-watch.ts'
import { silent } from './projecting.ts'
import { quantile } from './statistics.ts'

const warmUpSeconds = 4
/** After this time the heap of the server has its final size. */
const streamsWarmUpSeconds = 15
const seconds = 20
const burstSeconds = 10
const streams = 200
const streamedTradesPerSample = 20
const pollEveryMs = 2
const sampleEveryMs = 250
const visibleWithinMs = 120_000

/** `events` is the number sent per second. */
export const livePart = (): Part => ({
  name: 'live',
  title: 'Live: feed, ingest, projectors and API in one process on embedded stores',
  unit: 'trades',
  remark:
    'Every trade has a number, and the time counts from its sending until a page, or a tick in each ' +
    'stream, shows it or a later one of its symbol. Pages are asked for every 2 ms; a stream sends a ' +
    'symbol at most ten times a second, which is in its figures. Client and feed share the processors.',
  needs: [],
  lines: [
    {
      label: 'feed to a page of the API, 10,000 trades/s',
      subject: 'visible',
      events: 10_000,
      figuresAtMost: { '99 % ms': 50 },
    },
    {
      label: `a burst of 100,000 trades/s for ${burstSeconds} s`,
      subject: 'burst',
      events: 100_000,
      figuresAtMost: { lost: 0 },
    },
    { label: `feed to ${streams} streams, 5,000 trades/s`, subject: 'streamed', events: 5_000 },
  ],
  repetitions: 1,
  subjects: {
    visible: (given) => withProgram(given, warmUpSeconds + seconds, untilVisible),
    burst: (given) => withProgram(given, burstSeconds, absorbed),
    streamed: (given) => withProgram(given, streamsWarmUpSeconds + seconds, untilStreamed),
  },
})

type Program = Readonly<{ trades: NumberedTrades; client: Client; port: number; pid: number }>

/** The whole program in another process, fed by this one. */
async function withProgram(
  given: Given,
  seconds: number,
  work: (program: Program) => Promise<Measured>,
): ReturnType<Subject> {
  const trades = numberedTrades({ tradesPerSecond: given.events, seconds })
  const feed = await startFeedServer({
    host: '127.0.0.1',
    port: 0,
    source: trades,
    pingEveryMs: 10_000,
    logger: silent,
  })
  const program = startTradelog(['start'], {
    FEED: 'finnhub',
    FINNHUB__URL: feed.url,
    FINNHUB__TOKEN: 'none',
    SUBSCRIBED_SYMBOLS: liveSymbols.join(),
    EVENT_STORE: 'embedded',
    READ_MODEL_STORE: 'embedded',
    DATA_DIRECTORY: given.scratch,
    API_PORT: '0',
    LOG__LEVEL: 'error',
  })
  try {
    return await measureIn(program, trades, work)
  } finally {
    await program.kill('SIGTERM')
    await feed.close()
    process.stderr.write(program.stderr())
  }
}

async function measureIn(
  program: RunningTradelog,
  trades: NumberedTrades,
  work: (program: Program) => Promise<Measured>,
): Promise<Measured> {
  const port = Number(new URL(await program.address()).port)
  const pid = program.process.pid ?? 0
  const client = createClient(port, 4)
  const memory = watchMemory(pid)
  try {
    const measured = await work({ trades, client, port, pid })
    const bytes = memory.highest()
    return bytes === null ? measured : { anonymousBytes: bytes, ...measured }
  } finally {
    memory.stop()
    client.close()
  }
}

/** Polls the newest trade of a symbol; the figures include the pause between requests. */
async function untilVisible({ trades, client, pid }: Program): Promise<Measured> {
  const [symbol = ''] = liveSymbols
  const seen = arrivals(trades)
  const pollFor = async (ms: number) => {
    for (const end = performance.now() + ms; performance.now() < end; await sleep(pollEveryMs)) {
      const number = await newestNumber(client, symbol)
      seen.seen(symbol, number)
    }
  }
  await trades.begun
  await untilKnown(client, symbol)
  await pollFor(warmUpSeconds * 1_000)
  seen.restart()
  const stop = startClock(pid, trades)
  await pollFor((seconds - 2) * 1_000)
  return { ...stop(), figures: seen.figures() }
}

async function newestNumber(client: Client, symbol: string): Promise<number> {
  const page = JSON.parse(String(await client.get(`/api/v1/trades/${symbol}?limit=1`)))
  return Number(page.data.data[0].conditions[0])
}

async function untilKnown(client: Client, symbol: string): Promise<void> {
  while (!(await client.get('/api/v1/symbols').catch(() => '')).includes(`"${symbol}"`)) {
    await sleep(pollEveryMs)
  }
}

/** The rate and the processor time of the trades sent from now on. */
function startClock(pid: number, trades: NumberedTrades) {
  const start = { at: performance.now(), cpu: cpuSecondsOf(pid), sent: trades.sent() }
  return () => ({
    count: trades.sent() - start.sent,
    seconds: (performance.now() - start.at) / 1_000,
    cpuSeconds: cpuSecondsOf(pid) - start.cpu,
  })
}

/** Waits until every trade is counted in `symbols`. */
async function absorbed({ trades, client, pid }: Program): Promise<Measured> {
  await trades.begun
  const stop = startClock(pid, trades)
  const startedAt = performance.now()
  await trades.ended
  const sentSeconds = (performance.now() - startedAt) / 1_000
  const end = performance.now() + visibleWithinMs
  let visible = await countTrades(client)
  while (visible < trades.sent() && performance.now() < end) {
    await sleep(20)
    visible = await countTrades(client)
  }
  const measured = { ...stop(), count: visible }
  const lost = trades.sent() - visible
  return {
    ...measured,
    figures: { 'sent in s': sentSeconds, 'visible in s': measured.seconds, lost },
  }
}

async function countTrades(client: Client): Promise<number> {
  const { data } = JSON.parse(String(await client.get('/api/v1/symbols')))
  const counts: { trade_count: number }[] = data.available
  return counts.reduce((sum, { trade_count }) => sum + trade_count, 0)
}

/** The time from each trade to the first tick that counts it, in every stream. */
async function untilStreamed({ trades, client, port, pid }: Program): Promise<Measured> {
  await trades.begun
  await untilKnown(client, liveSymbols.at(-1) ?? '')
  const every = Array.from({ length: streams }, () => arrivals(trades, streamedTradesPerSample))
  const closers = every.map(({ seen }) => openStream(port, seen))
  await sleep(streamsWarmUpSeconds * 1_000)
  for (const { restart } of every) restart()
  const stop = startClock(pid, trades)
  const bytes = await sampled((seconds - 4) * 1_000, () => anonymousBytes(pid))
  const measured = stop()
  for (const close of closers) close()
  const latencies = every.map((each) => each.figures())
  const half = bytes.length / 2
  return {
    ...measured,
    figures: {
      'median ms': quantile(
        latencies.map((each) => each['median ms']),
        0.5,
      ),
      '99 % ms': quantile(
        latencies.map((each) => each['99 % ms']),
        1,
      ),
      'MB in the first half': Math.max(...bytes.slice(0, half)) / 1_000_000,
      'MB in the second half': Math.max(...bytes.slice(half)) / 1_000_000,
    },
  }
}

/** Parses only the needed part of an event: there are thousands a second. */
const tickFields = /"symbol":"([^"]+)".*"trade_count":(\d+)/

function openStream(port: number, seen: (symbol: string, count: number) => void) {
  const request = get({ port, path: '/api/v1/stream', host: '127.0.0.1', agent: false })
  request.on('error', () => {})
  request.once('response', (response) => {
    let rest = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const [, symbol, count] = tickFields.exec(line) ?? []
        if (symbol !== undefined) seen(symbol, Number(count))
      }
    })
  })
  return () => request.destroy()
}

async function sampled(ms: number, sample: () => number | null): Promise<number[]> {
  const samples: number[] = []
  for (const end = performance.now() + ms; performance.now() < end; await sleep(sampleEveryMs)) {
    samples.push(sample() ?? Number.NaN)
  }
  return samples
}
