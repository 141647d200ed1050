import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { seededRandom } from '../test/support/random.ts'
import { withEmbeddedStores } from './embedded.ts'
import { type Client, createClient, type LoadResult, load, pacedLoad } from './http-load.ts'
import {
  type Given,
  type Line,
  type Measured,
  needFolder,
  type Part,
  type PartOptions,
  type Subject,
  timed,
} from './part.ts'
import { anonymousBytes } from './process-watch.ts'
import { replayModels } from './projecting.ts'
import { openRawLog, openRawRows } from './raw-lmdb.ts'
import { quantile } from './statistics.ts'
import { batchEvents, inBatches, partitions, symbols, timeAmong } from './trades.ts'

const concurrency = 8
const warmUpSeconds = 1
const loadSeconds = 2
/** So long that one pause of the garbage collector, in server or client, stays below 1 %. */
const pacedSeconds = 10

const preparedPage = 'bare Koa, the same bytes from memory'
const rawPage = 'bare Koa, rows from raw LMDB'

const pageLines = (rows: number, events: number): readonly Line[] => [
  { label: `${preparedPage}, ${rows} rows`, subject: 'preparedPage', events, rows },
  { label: `${rawPage}, ${rows} rows`, subject: 'rawPage', events, rows },
  {
    label: `read API, ${rows} rows`,
    subject: 'apiPage',
    events,
    rows,
    beside: [
      { floor: `${preparedPage}, ${rows} rows`, ...(rows === 15 ? { aim: 0.8 } : {}) },
      { floor: `${rawPage}, ${rows} rows` },
    ],
  },
  {
    label: `read API, ${rows} rows, each page asked for once`,
    subject: 'apiPageOnce',
    events,
    rows,
    beside: [{ floor: `${preparedPage}, ${rows} rows` }, { floor: `${rawPage}, ${rows} rows` }],
  },
]

export function pagesPart({ pagedTrades }: PartOptions): Part {
  const most = Math.max(...pagedTrades)
  return {
    name: 'pages',
    title: `Pages of trades over HTTP: ${concurrency} requests at a time, keep-alive`,
    unit: 'requests',
    remark:
      'A page asked for again while nothing has been committed is sent as it was kept; one asked ' +
      'for once is read. The number of trades stored should not show.',
    needs: pagedTrades.flatMap((events) => [
      { name: 'log', events },
      { name: 'rows', events },
      ...(events === most
        ? [
            { name: 'raw-log', events },
            { name: 'raw-rows', events },
          ]
        : []),
    ]),
    lines: [
      ...pageLines(15, most),
      ...pageLines(1_000, most),
      {
        label: 'read API, 15 rows, at half the rate it can take',
        subject: 'apiPageHalfLoad',
        events: most,
        rows: 15,
        figuresAtMost: { '99 % ms': 5 },
      },
      ...pagedTrades.map((events) => ({
        label: `read API, 15 rows anywhere among ${events.toLocaleString('en')}, one at a time`,
        subject: 'apiPageAnywhere',
        events,
        rows: 15,
      })),
    ],
    subjects: {
      preparedPage: newestPage('prepared'),
      rawPage: newestPage('raw'),
      apiPage: newestPage('api'),
      apiPageOnce,
      apiPageHalfLoad,
      apiPageAnywhere,
    },
  }
}

export type Served = 'api' | 'raw' | 'prepared'

export const newestPath = (rows: number) => `/api/v1/trades/AAPL?limit=${rows}`

const newestPage =
  (served: Served): Subject =>
  (given) =>
    ask(served, given, concurrency, () => newestPath(given.rows))

const apiPageAnywhere: Subject = (given) => ask('api', given, 1, anywhere(given))

const apiPageOnce: Subject = (given) => ask('api', given, concurrency, anywhere(given))

function anywhere({ events, rows }: Given): () => string {
  const random = seededRandom(7)
  return () => {
    const symbol = symbols[Math.floor(random() * symbols.length)]
    // Hardly any time is drawn twice, so that answers don't come from a cache.
    const before = timeAmong(events, random)
    return `/api/v1/trades/${symbol}?limit=${rows}&before=${before}`
  }
}

/** Warms up at the same pace: after a change of pace, requests queue for part of a second. */
const apiPageHalfLoad: Subject = (given) =>
  withServer('api', given, concurrency, async (client, measured) => {
    const nextPath = () => newestPath(given.rows)
    const { requests, seconds } = await load(client, {
      concurrency,
      seconds: loadSeconds,
      nextPath,
    })
    const perSecond = requests / seconds / 2
    await pacedLoad(client, { perSecond, seconds: warmUpSeconds, nextPath })
    return await measured(pacedLoad(client, { perSecond, seconds: pacedSeconds, nextPath }))
  })

const ask = (served: Served, given: Given, concurrency: number, nextPath: () => string) =>
  withServer(served, given, concurrency, async (client, measured) => {
    await load(client, { concurrency, seconds: warmUpSeconds, nextPath })
    return await measured(load(client, { concurrency, seconds: loadSeconds, nextPath }))
  })

type MeasureLoad = (running: Promise<LoadResult>) => Promise<Measured>

/** Runs the server in another process, the client in this one. */
async function withServer(
  served: Served,
  given: Given,
  connectionsMax: number,
  work: (client: Client, measured: MeasureLoad) => Promise<Measured>,
): Promise<Measured> {
  const server = fork(join(import.meta.dirname, 'serve.js'), [served, JSON.stringify(given)])
  const [port] = await once(server, 'message')
  const client = createClient(Number(port), connectionsMax)
  const measured: MeasureLoad = async (running) => {
    const before = await cpuSecondsOf(server)
    const { requests: count, seconds, latenciesMs } = await running
    const cpuSeconds = (await cpuSecondsOf(server)) - before
    const figures = {
      'median ms': quantile(latenciesMs, 0.5),
      '99 % ms': quantile(latenciesMs, 0.99),
    }
    const bytes = anonymousBytes(server.pid ?? 0)
    const memory = bytes === null ? {} : { anonymousBytes: bytes }
    return { count, seconds, cpuSeconds, figures, ...memory }
  }
  try {
    return await work(client, measured)
  } finally {
    client.close()
    server.disconnect()
    await once(server, 'exit')
  }
}

/** The server answers any message with the processor time it has used. */
async function cpuSecondsOf(server: ChildProcess): Promise<number> {
  server.send('cpu')
  const [seconds] = await once(server, 'message')
  return Number(seconds)
}

export const fillRows: Subject = (given) =>
  withEmbeddedStores({ ...given, models: ['trades', 'symbols'] }, replayModels)

export const fillRawRows: Subject = async ({ prepared, scratch, events }) => {
  const log = openRawLog(needFolder(prepared, { name: 'raw-log', events }))
  const rows = openRawRows(scratch)
  const measured = await timed(events, async () => {
    for (let partition = 0; partition < partitions; partition++) {
      for (const entries of inBatches(log.read(partition), batchEvents)) await rows.put(entries)
    }
  })
  await rows.close()
  await log.close()
  return measured
}
