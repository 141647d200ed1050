import { createReadStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import type { Logger } from 'pino'
import type { TradeExecuted } from '../../domain/trade-executed.ts'
import type { EventStore, PartitionBounds } from '../../event-store/event-store.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import { linesOf } from '../../runtime/lines.ts'
import { createAppender } from '../appender.ts'
import { type AppendCounts, createAppendCounts } from '../counts.ts'
import { moveBehind, numberedFiles, rejectFiles, takenFolder } from './files.ts'
import { type JudgeOptions, noVerdicts, type VerdictCounts } from './judge.ts'
import { lineBytesMax } from './line.ts'
import { makePlan, readPlan, removeFiles, removePlan } from './plan.ts'

type BringBackOptions = JudgeOptions &
  Readonly<{
    /** Where the reject log is kept. */
    directory: string
    /** Of this process, which has to be the active writer. */
    eventStore: Log
    appendEventsMax: number
    logger: Logger
    signal: AbortSignal
  }>

type Log = Pick<EventStore, 'append' | 'heads' | 'read'>

export type BroughtBack = Readonly<VerdictCounts> &
  Readonly<{
    trades: number
    /** Trades that the log had already, from a run that was stopped. */
    known: number
  }>

/**
 * Brings back the rejects that are trades by today's rules and clock: through any kill, each of
 * them gets into the log once, and the others back into the reject log. The files of the reject log
 * are taken into a folder of their own. There a plan is made of them, and carried out. If a run was
 * stopped after its plan was made, the next one carries that out first.
 */
export async function bringBack(options: BringBackOptions): Promise<BroughtBack> {
  const folder = takenFolder(options.directory)
  const counts = createAppendCounts()
  const former = await carryOut(folder, options, counts)
  await takeFiles(options.directory, folder)
  if ((await numberedFiles(folder, 'rejects')).length > 0) {
    await makePlan(folder, await options.eventStore.heads(), options)
  }
  // What the former plan left was judged again in this one.
  const latest = (await carryOut(folder, options, counts)) ?? noVerdicts()
  await rm(folder, { recursive: true })
  crashPoint('rejects:folder-removed')
  const withoutTrade = latest.withoutTrade + (former?.withoutTrade ?? 0)
  return { ...latest, withoutTrade, trades: counts.appended, known: counts.passedOver }
}

async function takeFiles(directory: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  crashPoint('rejects:folder-made')
  for (const path of await rejectFiles(directory)) {
    await moveBehind(path, folder)
    crashPoint('rejects:file-taken')
  }
}

/** Does what is left of the plan in the folder, if there is one. Each step can be repeated. */
async function carryOut(
  folder: string,
  options: BringBackOptions,
  counts: AppendCounts,
): Promise<VerdictCounts | undefined> {
  const plan = await readPlan(folder)
  if (plan === undefined) return undefined
  await removeFiles(folder, 'rejects')
  crashPoint('rejects:taken-removed')
  for (const { path } of await numberedFiles(folder, 'refused')) {
    await moveBehind(path, options.directory)
    crashPoint('rejects:refused-put-back')
  }
  const { eventStore, logger, now, signal } = options
  const log = behind(plan.heads, eventStore)
  const { random } = Math
  const appender = createAppender({ eventStore: log, backoff, counts, logger, now, random }, signal)
  for await (const trades of tradesIn(folder, options.appendEventsMax)) {
    await appender.append(trades)
  }
  await removePlan(folder)
  crashPoint('rejects:plan-removed')
  return plan.counts
}

const backoff = { firstMs: 100, maxMs: 10_000 }

/** The log behind these heads. If it is another log by now, the whole of it. */
function behind(heads: readonly PartitionBounds[], log: Log): Log {
  const headOf = ({ partition, origin }: PartitionBounds) =>
    heads.find((then) => then.partition === partition && then.origin === origin)?.head ?? 0
  const bounds = async () =>
    (await log.heads()).map((of) => ({ ...of, start: Math.max(of.start, headOf(of)) }))
  return { ...log, heads: bounds }
}

const chunkBytes = 1024 * 1024

async function* tradesIn(
  folder: string,
  eventsMax: number,
): AsyncGenerator<readonly TradeExecuted[]> {
  for (const { path } of await numberedFiles(folder, 'trades')) {
    const chunks = createReadStream(path, { highWaterMark: chunkBytes })
    for await (const lines of linesOf(chunks, { charactersMax: lineBytesMax, tooLong: path })) {
      for (let at = 0; at < lines.length; at += eventsMax) {
        // Written by `makePlan`, and whole.
        yield lines.slice(at, at + eventsMax).map((line) => JSON.parse(line) as TradeExecuted)
      }
    }
  }
}
