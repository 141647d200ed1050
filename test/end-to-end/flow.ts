import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import * as assert from 'uvu/assert'
import { readModels } from '../../src/projections/read-models/index.ts'
import { get, tradeCounts, walkTrades } from '../support/api-client.ts'
import { eventually } from '../support/eventually.ts'
import { faultRounds, seededRandom, testSeed } from '../support/random.ts'
import { freshStores } from '../support/store-pair.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { type TradeFileTotals, writeTradeFile } from '../support/trade-file.ts'
import {
  type RunningTradelog,
  runTradelog,
  type Settings,
  startTradelog,
} from '../support/tradelog.ts'

/** A file of trades, and the settings under which ingest plays it into fresh stores. */
export type Flow = Readonly<{ totals: TradeFileTotals; settings: Settings }>

/** The mean time between trades of a file. */
const rowsPerSecondAtSpeedOne = 1 / 0.36

export async function startFlow(options: {
  rows: number
  rowsPerSecond: number | 'max'
  seed: number
}): Promise<Flow> {
  const { rows, rowsPerSecond, seed } = options
  const path = join(temporaryDirectory(), 'trades.csv')
  const totals = await writeTradeFile(path, { rows, seed })
  const speed =
    rowsPerSecond === 'max' ? 'max' : String(Math.ceil(rowsPerSecond / rowsPerSecondAtSpeedOne))
  const feed = { FEED: 'file', FILE__PATH: path, FILE__SPEED: speed }
  return { totals, settings: { ...freshStores(), ...feed } }
}

type ReadModels = Readonly<{ data: readonly Readonly<{ name: string; events_applied: number }>[] }>

/** Waits until every read model has applied so many trades of a file: it has no interruptions. */
export async function appliedAll(address: string, rows: number, timeoutMs: number) {
  const applied = async () => {
    const { data } = await get<ReadModels>(`${address}/api/v1/read-models`)
    return data.data.map(({ name, events_applied }) => `${name} ${events_applied}`)
  }
  const wanted = readModels.map(({ name }) => `${name} ${name === 'interruptions' ? 0 : rows}`)
  const isAll = async () => isDeepStrictEqual((await applied()).sort(), wanted.sort())
  await eventually(isAll, { timeoutMs, everyMs: 200 }).catch(async (error: Error) => {
    throw new Error(`${error.message}: of ${rows} trades: ${await applied()}`)
  })
}

/** Waits until every read model has all trades of the file. */
export async function complete(address: string, { totals }: Flow, timeoutMs = 120_000) {
  await appliedAll(address, totals.rows, timeoutMs)
  const counts = await tradeCounts(address)
  for (const [symbol, { tradeCount }] of totals.bySymbol) {
    assert.is(counts.get(symbol), tradeCount, symbol)
  }
}

/** Every row of the file is in the trades, once: `source` names the row. */
export async function assertEveryRowOnce(
  address: string,
  { rows, bySymbol }: TradeFileTotals,
): Promise<void> {
  const sources = new Set<string>()
  let trades = 0
  for (const symbol of bySymbol.keys()) {
    for (const { source } of await walkTrades(address, symbol)) {
      sources.add(source)
      trades += 1
    }
  }
  assert.is(trades, rows)
  assert.is(sources.size, rows)
}

export async function verified(settings: Settings): Promise<void> {
  const { code, stdout, stderr } = await runTradelog(['verify'], { ...settings, FEED: 'none' })
  assert.is(code, 0, `${stdout}${stderr}`)
}

/** A process that was just started doesn't handle signals yet; one that has logged does. */
export const spoke = (running: RunningTradelog) =>
  eventually(() => running.stdout() + running.stderr() !== '')

/** Stops processes as an operator does; each has to end by itself, in time, with 0. */
export async function stopAll(running: Iterable<RunningTradelog>): Promise<void> {
  for (const each of running) {
    await spoke(each)
    await each.kill('SIGTERM')
    assert.is(await each.exit(), 0, `${each.process.spawnargs.at(-1)}: ${each.stderr()}`)
  }
}

type LogEntry = Readonly<{
  msg: string
  component?: string
  state?: string
  partitions?: readonly number[]
  err?: Readonly<{ code?: string }>
  [field: string]: unknown
}>

/** The log entries of a process so far. */
export const logOf = (running: RunningTradelog): readonly LogEntry[] =>
  running
    .stderr()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line))

export type Round = Readonly<{
  random: () => number
  seed: number
  /** Starts a process that is killed when the round is over, even if the test fails. */
  start: typeof startTradelog
}>

/** Repeats a test of a fault, each time with another seed. */
export async function eachRound(
  round: (of: Round) => Promise<void>,
  rounds = faultRounds,
): Promise<void> {
  for (let seed = testSeed; seed < testSeed + rounds; seed++) await oneRound(round, seed)
}

/** For tests that take longer than others of their kind. */
export const halfTheRounds = Math.ceil(faultRounds / 2)

/** A failure names its seed. */
export async function oneRound(
  round: (of: Round) => Promise<void>,
  seed = testSeed,
): Promise<void> {
  const running: RunningTradelog[] = []
  const start: typeof startTradelog = (args, settings) => {
    const started = startTradelog(args, settings)
    running.push(started)
    return started
  }
  try {
    await round({ random: seededRandom(seed), seed, start })
  } catch (error) {
    throw new Error(`with TRADELOG_SEED=${seed}: ${messageOf(error)}`, { cause: error })
  } finally {
    for (const each of running) await each.kill('SIGKILL')
  }
}

/** A time limit for a test of so many rounds. */
export const roundsTimeoutMs = (roundMs: number): number => faultRounds * roundMs

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
