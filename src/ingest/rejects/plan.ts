import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PartitionBounds } from '../../event-store/event-store.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import { systemCode } from '../../runtime/system-code.ts'
import { type FileKind, numberedFile, numberedFiles, readLines } from './files.ts'
import { createJudge, type JudgeOptions, noVerdicts, type VerdictCounts } from './judge.ts'
import { fileBytesMax } from './reject-log.ts'

/** What is to become of rejects that were taken out of the reject log. */
type Plan = Readonly<{
  counts: VerdictCounts
  /** The log when the plan was made: trades of the plan can only be behind these heads. */
  heads: readonly PartitionBounds[]
}>

const planFile = 'plan.json'

/** Undefined if there is none: then nothing has been carried out. */
export async function readPlan(folder: string): Promise<Plan | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, planFile), 'utf8'))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

export const removePlan = (folder: string): Promise<void> => rm(join(folder, planFile))

/**
 * Judges the rejects in a folder. Writes beside them the trades, and what is still refused. The
 * plan is made as soon as its file has its name, and never made again: by a later clock more would
 * be trades, which would then have other rows.
 */
export async function makePlan(
  folder: string,
  heads: readonly PartitionBounds[],
  options: JudgeOptions,
): Promise<void> {
  await removeFiles(folder, 'trades')
  crashPoint('rejects:old-trades-removed')
  await removeFiles(folder, 'refused')
  crashPoint('rejects:old-refused-removed')
  const counts = noVerdicts()
  const judge = createJudge(options, counts)
  const trades = openPages(folder, 'trades')
  const refused = openPages(folder, 'refused')
  for (const { path } of await numberedFiles(folder, 'rejects')) {
    for await (const lines of readLines(path)) {
      for (const verdict of lines.map(judge)) {
        for (const trade of verdict.trades) trades.add(Buffer.from(`${JSON.stringify(trade)}\n`))
        for (const line of verdict.lines) refused.add(line)
      }
      await trades.write(fileBytesMax)
      await refused.write(fileBytesMax)
      crashPoint('rejects:some-judged')
    }
  }
  await trades.write(1)
  await refused.write(1)
  crashPoint('rejects:all-judged')
  const unnamed = join(folder, 'plan.tmp')
  await writeFile(unnamed, JSON.stringify({ counts, heads } satisfies Plan), { flush: true })
  crashPoint('rejects:plan-written')
  await rename(unnamed, join(folder, planFile))
  crashPoint('rejects:plan-named')
}

export async function removeFiles(folder: string, kind: FileKind): Promise<void> {
  for (const { path } of await numberedFiles(folder, kind)) await rm(path)
}

/** Lines for one file after the other; each is on disk when its `write` resolves. */
function openPages(folder: string, kind: FileKind) {
  let lines: Buffer[] = []
  let bytes = 0
  let number = 0
  const add = (line: Buffer) => {
    lines.push(line)
    bytes += line.length
  }
  const write = async (bytesMin: number) => {
    if (bytes < bytesMin) return
    number += 1
    await writeFile(join(folder, numberedFile(kind, number)), Buffer.concat(lines), { flush: true })
    lines = []
    bytes = 0
  }
  return { add, write }
}
