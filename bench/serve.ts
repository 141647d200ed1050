import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { startReadApi } from '../src/read-api/server.ts'
import { openEmbeddedReadModelStore } from '../src/read-model-store/embedded/embedded-read-model-store.ts'
import { loadConfig } from '../src/runtime/config/config.ts'
import { createMetrics } from '../src/runtime/metrics.ts'
import { readModelsIn } from './embedded.ts'
import { createClient } from './http-load.ts'
import { newestPath, type Served } from './pages.ts'
import { type Given, needFolder } from './part.ts'
import { silent } from './projecting.ts'
import { openRawRows } from './raw-lmdb.ts'

/** The server process of one measurement: `serve.js WHAT GIVEN`. Ends with its parent. */
async function startApi({ prepared, events }: Given): Promise<number> {
  const directory = readModelsIn(needFolder(prepared, { name: 'rows', events }))
  const store = await openEmbeddedReadModelStore({ directory })
  const { port } = await startReadApi({
    store,
    expectsIngest: false,
    host: '127.0.0.1',
    port: 0,
    requestTimeoutMs: 5_000,
    limits: { ...loadConfig({ environment: {} }).config.limits, clientRequestsPerSecond: 'off' },
    metrics: createMetrics(),
    logger: silent,
  })
  return port
}

/** Serves the same fields of the same rows, and does nothing else that an API has to do. */
function startRaw({ prepared, events, rows: limit }: Given): Promise<number> {
  const rows = openRawRows(needFolder(prepared, { name: 'raw-rows', events }))
  return listen((ctx) => {
    const symbol = ctx.path.slice(ctx.path.lastIndexOf('/') + 1)
    const data = rows.page(symbol, Number.MAX_SAFE_INTEGER, limit).map((row) => ({
      timestamp: new Date(row.executedAt).toISOString(),
      executed_at: row.executedAt,
      price: row.price,
      volume: row.volume,
      conditions: row.conditions,
      source: row.source,
    }))
    ctx.type = 'application/json'
    ctx.body = JSON.stringify({ data: { data, pagination: { next_cursor: null } } })
  })
}

async function startPrepared(given: Given): Promise<number> {
  const client = createClient(await startApi(given), 1)
  const body = await client.get(newestPath(given.rows))
  client.close()
  return listen((ctx) => {
    ctx.type = 'application/json'
    ctx.body = body
  })
}

async function listen(answer: (ctx: Koa.Context) => void): Promise<number> {
  const application = new Koa()
  application.use(async (ctx) => answer(ctx))
  const server = createServer(application.callback())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const starts: Readonly<Record<Served, (given: Given) => Promise<number>>> = {
  api: startApi,
  raw: startRaw,
  prepared: startPrepared,
}

const [served = '', given = '{}'] = process.argv.slice(2)
process.once('disconnect', () => process.exit(0))
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.((user + system) / 1_000_000)
})
process.send?.(await starts[served as Served](JSON.parse(given)))
