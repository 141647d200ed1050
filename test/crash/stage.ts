import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Position } from '../../src/domain/recorded-event.ts'
import { readRejects } from '../../src/ingest/rejects/reader.ts'
import { readModels } from '../../src/projections/read-models/index.ts'
import { threadsFromEvents } from '../../src/projections/replay/builder.ts'
import { eventually } from '../support/eventually.ts'
import { recordsOf } from '../support/log.ts'
import { appendRaw } from '../support/raw-log.ts'
import { someTrades, tradeSymbols } from '../support/some-trades.ts'
import { freshStores } from '../support/store-pair.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { trade } from '../support/trade.ts'
import { writeTradeFile } from '../support/trade-file.ts'
import { type Settings, startTradelog } from '../support/tradelog.ts'
import { dropStores } from './burial.ts'
import { finishHere, openStores, type Stores } from './program.ts'

const tradeRows = 240
const timeoutMs = 120_000

/** Stores on which commands are killed, run again and checked. */
export type Stage = Readonly<{
  settings: Settings
  stores: Stores
  /** An unreadable event at the end of the log. */
  poison?: Position
  close: () => Promise<void>
}>

/** Small appends and batches, so that a few trades pass every point several times. */
const small: Settings = {
  INGEST__APPEND_EVENTS_MAX: '40',
  PROJECTION__BATCH_EVENTS_MAX: '30',
  // A busy machine is slow.
  TIMEOUTS__SHUTDOWN: '60s',
}

async function openStage(more: Settings): Promise<Stage> {
  const settings = { ...freshStores(), ...small, ...more }
  const stores = await openStores(settings)
  const close = async () => {
    await stores.close()
    await dropStores(settings)
  }
  return { settings, stores, close }
}

/** Empty stores, and a file that ingest plays into them. */
export async function emptyStage(seed: number): Promise<Stage> {
  const path = join(temporaryDirectory(), 'trades.csv')
  await writeTradeFile(path, { rows: tradeRows, seed })
  return openStage({ FEED: 'file', FILE__PATH: path, FILE__SPEED: 'max' })
}

/** Every read model built twice, so that there is a generation to roll back to. */
export const builtStage = (seed: number): Promise<Stage> => builtFrom(tradeRows, seed, {})

/** The same, with so many events that a replay folds them in threads. */
export const longStage = (seed: number): Promise<Stage> =>
  builtFrom(threadsFromEvents, seed, {
    PROJECTION__BATCH_EVENTS_MAX: '5000',
    PROJECTION__REPLAY_THREADS: '2',
  })

async function builtFrom(events: number, seed: number, settings: Settings): Promise<Stage> {
  const stage = await openStage({ FEED: 'none', ...settings })
  await stage.stores.eventStore.append(someTrades(events, seed))
  await finishHere(['replay'], stage.settings)
  await finishHere(['replay'], stage.settings)
  return stage
}

/** The same, with an unreadable event at the end of the log. */
export async function poisonedStage(seed: number): Promise<Stage> {
  const stage = await builtStage(seed)
  const poison = await appendRaw(stage.settings, 'AAPL', { ...trade(), version: 99 })
  return { ...stage, poison }
}

/** The same, with running projectors, which a replay can see by their status. */
export async function liveStage(seed: number): Promise<Stage> {
  const stage = await builtStage(seed)
  const role = startTradelog(['project'], stage.settings)
  const close = async () => {
    await role.kill()
    await stage.close()
  }
  const isSeen = async () => {
    const rows = await stage.stores.readModelStore.statuses()
    return rows.some(({ status }) => status.kind === 'project')
  }
  try {
    await eventually(isSeen, { timeoutMs, everyMs: 20 })
  } catch (error) {
    await close()
    throw error
  }
  return { ...stage, close }
}

/** An empty log, and a reject log that `rejected` fills. */
export const rejectsStage = (): Promise<Stage> =>
  openStage({ FEED: 'none', INGEST__APPEND_EVENTS_MAX: '7' })

const now = Date.now()

/**
 * Adds rejects: trades of tomorrow that became trades of today since, and one that is still none.
 * Answers their prices.
 */
export function rejected({ settings }: Stage, from: number): readonly string[] {
  const prices = Array.from({ length: 40 }, (_, i) => String(from + i))
  const entries = prices.map((p, i) => ({ s: tradeSymbols[i % 5], p: Number(p), v: 1, t: now }))
  const texts = [...entries, { ...entries[0], p: null }].map((entry) => JSON.stringify(entry))
  const lines = texts.map((text) =>
    JSON.stringify({ at: '', source: 'finnhub', reason: 'time_in_the_future', text }),
  )
  const folder = join(settings.DATA_DIRECTORY ?? '', 'ingest')
  mkdirSync(folder, { recursive: true })
  appendFileSync(join(folder, 'rejects.jsonl'), `${lines.join('\n')}\n`)
  return prices
}

/** Every reject that is a trade is in the log once, and every other in the reject log. */
export async function assertBroughtBack(
  { settings, stores }: Stage,
  prices: readonly string[],
  others: number,
): Promise<void> {
  const records = await recordsOf(stores.eventStore)
  const inLog = records.flatMap(({ event }) => (event.type === 'TradeExecuted' ? event.price : []))
  assert.equal(inLog.toSorted(), prices.toSorted())
  let left = 0
  for await (const lines of readRejects(join(settings.DATA_DIRECTORY ?? '', 'ingest'))) {
    left += lines.length
  }
  assert.is(left, others)
}

/** Whether the whole log is in the active generation of every read model. */
export async function isCaughtUp({ stores }: Stage): Promise<boolean> {
  const { eventStore, readModelStore } = stores
  const heads = await eventStore.heads()
  if (heads.reduce((sum, { head }) => sum + head, 0) < tradeRows) return false
  for (const { name } of readModels) {
    const pointer = await readModelStore.pointer(name)
    if (pointer === undefined) return false
    const checkpoint = await (await readModelStore.open(pointer.active)).checkpoint()
    if (heads.some(({ partition, head }) => (checkpoint.get(partition)?.next ?? 0) < head)) {
      return false
    }
  }
  return true
}

export const caughtUp = (stage: Stage) =>
  eventually(() => isCaughtUp(stage), { timeoutMs, everyMs: 20 })

/** Every row of the file is in the log, once. */
export async function assertFileOnce({ stores: { eventStore } }: Stage): Promise<void> {
  const sources: string[] = []
  for (const { partition, head } of await eventStore.heads()) {
    const range = { partition, from: 0, to: head, batchEventsMax: tradeRows }
    for await (const { events } of eventStore.read(range)) {
      for (const { event } of events) {
        assert.is(event.type, 'TradeExecuted')
        if (event.type === 'TradeExecuted') sources.push(event.source)
      }
    }
  }
  assert.is(sources.length, tradeRows)
  assert.is(new Set(sources).size, tradeRows)
}

export const assertVerified = ({ settings }: Stage): Promise<void> =>
  finishHere(['verify'], { ...settings, FEED: 'none' })
