import { setTimeout as sleep } from 'node:timers/promises'
import { isRetriable, TradelogError } from '../../src/domain/errors.ts'
import { type ReadModelReader, readModelReader } from '../../src/read-api/read-models/reader.ts'
import { symbolsRoute } from '../../src/read-api/routes/symbols.ts'
import { tradesRoute } from '../../src/read-api/routes/trades.ts'
import { tickSource } from '../../src/read-api/stream/ticks.ts'
import { encodeKey, type Key } from '../../src/read-model-store/key.ts'
import type { Checkpoint, Generation, Row } from '../../src/read-model-store/read-model-store.ts'
import { silent } from '../support/silent.ts'
import { tradeSymbols } from '../support/some-trades.ts'
import { startProcess } from './processes.ts'
import type { Actor } from './scheduler.ts'
import { type Mutation, readModelStoreOf } from './stores.ts'
import type { World } from './world.ts'

const checksMax = 8
const requestsMax = 200

/** Reads through the routes of the API, and checks what they promise. */
export const startReader = (world: World, mutation: Mutation, name: string, delayMs: number) =>
  startProcess(world, name, delayMs, async (actor, finished) => {
    const { plan, scheduler, violations } = world
    const checks = checksOf(world, actor, mutation)
    const names = plan.projections.map((projection) => projection.name)
    const possible = checks.filter(({ model }) => names.includes(model))
    for (let i = 0; i < checksMax && possible.length > 0; i++) {
      const wrong = await possible[scheduler.choose(possible.length)]?.check()
      if (wrong !== undefined) violations.push(`${name}: ${wrong}`)
      await sleep(scheduler.choose(plan.spanMs))
    }
    finished()
  })

type Read = Readonly<{ generation: string; checkpoint: Checkpoint; keys: readonly Key[] }>

function checksOf(world: World, actor: Actor, mutation: Mutation) {
  world.neverStale.add(actor)
  const store = readModelStoreOf(world, actor, mutation)
  const reads: Read[] = []
  const inner = readModelReader({ store, logger: silent, now: world.scheduler.now })
  const reader: ReadModelReader = {
    ...inner,
    read: (model, signal, read) =>
      inner.read(model, signal, (generation) => read(spied(generation, reads))),
  }
  return [
    { model: 'trades', check: () => walk(world, reader, reads) },
    { model: 'symbols', check: countsNeverFall(reader, reads) },
    { model: 'vwap', check: ticksNeverGoBack(reader) },
  ]
}

/** Records each read and the checkpoint before it: the read must contain what was applied. */
function spied<R extends Row>(generation: Generation<R>, reads: Read[]): Generation<R> {
  const note = (checkpoint: Checkpoint, keys: readonly Key[]) =>
    reads.push({ generation: generation.info.id, checkpoint, keys })
  return {
    ...generation,
    page: async (options) => {
      const checkpoint = await generation.checkpoint()
      const rows = await generation.page(options)
      note(
        checkpoint,
        rows.slice(0, options.limit - 1).map(({ key }) => key),
      )
      return rows
    },
    scan: async function* (options) {
      note(new Map(), [])
      yield* generation.scan(options)
    },
  }
}

const signal = new AbortController().signal

/** Retries while the store is unavailable, as a client does; undefined if not built yet. */
async function retried<T>(request: () => Promise<T>): Promise<T | undefined> {
  for (let requests = 1; ; requests++) {
    try {
      return await request()
    } catch (error) {
      const isNothing = error instanceof TradelogError && /NOT_FOUND$/.test(error.code)
      if (isNothing || requests === requestsMax) return undefined
      if (!isRetriable(error)) throw error
      await sleep(50)
    }
  }
}

type TradesPage = { pagination: { next_cursor: string | null } }

/** Pages from a symbol's newest trade to its oldest, while trades come and models are rebuilt. */
async function walk(
  { log, scheduler }: World,
  reader: ReadModelReader,
  reads: Read[],
): Promise<string | undefined> {
  const route = tradesRoute(reader)
  const symbol = tradeSymbols[scheduler.choose(tradeSymbols.length)] ?? ''
  const limit = String(1 + scheduler.choose(3))
  const pages: Read[] = []
  for (let before: string | null | undefined; before !== null; ) {
    const query = before === undefined ? { limit } : { limit, before }
    const request = { segment: encodeURIComponent(symbol), query, signal }
    const page = (await retried(() => route.respond(request))) as TradesPage | undefined
    const read = reads.splice(0).at(-1)
    if (page === undefined || read === undefined) return undefined
    pages.push(read)
    before = page.pagination.next_cursor
  }
  const keys = pages.flatMap((page) => page.keys)
  const unsorted = keys.findIndex((key, i) => i > 0 && key >= (keys[i - 1] ?? ''))
  if (unsorted >= 0) return `a walk of ${symbol} comes to row ${unsorted} again`
  const isApplied = ({ partition, offset }: { partition: number; offset: number }) =>
    pages.every(({ checkpoint }) => offset < (checkpoint.get(partition)?.next ?? 0))
  const walked = new Set(keys)
  const missing = log.partitions
    .flatMap(({ records }) => records)
    .find(({ partition, offset, event }) => {
      if (event.type !== 'TradeExecuted' || event.symbol !== symbol) return false
      const key = encodeKey([symbol, event.executedAt, partition, offset])
      return isApplied({ partition, offset }) && !walked.has(key)
    })
  return missing && `a walk of ${symbol} skips ${missing.partition}:${missing.offset}`
}

type Symbols = { available: readonly { symbol: string; trade_count: number }[] }

function countsNeverFall(reader: ReadModelReader, reads: Read[]) {
  const route = symbolsRoute(reader)
  const known = new Map<string, number>()
  return async (): Promise<string | undefined> => {
    const request = { segment: '', query: {}, signal }
    const answer = (await retried(() => route.respond(request))) as Symbols | undefined
    const generation = reads.splice(0).at(-1)?.generation
    for (const { symbol, trade_count: count } of answer?.available ?? []) {
      const before = known.get(`${generation} ${symbol}`) ?? 0
      if (count < before) return `${symbol} had ${before} trades and now ${count}`
      known.set(`${generation} ${symbol}`, count)
    }
    return undefined
  }
}

/** Across generations, too: a stream never sends anything older than it has sent before. */
function ticksNeverGoBack(reader: ReadModelReader) {
  const ticks = tickSource(reader)
  const known = new Map<string, number>()
  return async (): Promise<string | undefined> => {
    const read = await retried(() => ticks.read(signal))
    for (const { symbol, guard } of read?.all.values() ?? []) {
      const [, offset] = guard.split(':').map(Number)
      const before = known.get(symbol) ?? -1
      if ((offset ?? -1) < before)
        return `a tick of ${symbol} goes back from ${before} to ${offset}`
      known.set(symbol, offset ?? -1)
    }
    return undefined
  }
}
