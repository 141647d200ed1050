import { appendFile, mkdir, readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { UnixMs } from '../domain/time.ts'
import type { Reject } from './feed.ts'

type RejectLogOptions = Readonly<{
  directory: string
  logger: Logger
  fileBytesMax?: number
}>

export type RejectLog = Readonly<{
  add: (reject: Reject, at: UnixMs) => void
  /** Resolves when everything is written. */
  close: () => Promise<void>
}>

export const rejectFile = 'rejects.jsonl'
export const formerRejectFile = 'rejects.1.jsonl'
const pendingLinesMax = 1_000

/**
 * Keeps the latest rejects as JSON lines in two files of bounded size, for people to look at. It
 * never holds ingest up: of a flood, what can't be written in time is only counted.
 */
export function openRejectLog(options: RejectLogOptions): RejectLog {
  const { directory, logger, fileBytesMax = 1024 * 1024 } = options
  let pending: string[] = []
  let notKept = 0
  let writing: Promise<void> | undefined
  let isFailing = false

  const write = async () => {
    while (pending.length > 0) {
      const lines = pending
      pending = []
      if (notKept > 0) lines.push(lineOf({ notKept }))
      notKept = 0
      await appendBounded(directory, lines.join(''), fileBytesMax)
    }
  }
  const report = (failure?: unknown) => {
    if (failure !== undefined && !isFailing) logger.warn({ err: failure }, 'rejects are not kept')
    isFailing = failure !== undefined
    writing = undefined
  }
  const add = ({ reason, text }: Reject, at: UnixMs) => {
    if (pending.length >= pendingLinesMax) {
      notKept++
      return
    }
    pending.push(lineOf({ at: new Date(at).toISOString(), reason, text }))
    writing ??= write().then(() => report(), report)
  }
  return { add, close: async () => writing }
}

/** A line of the reject log: one reject, or how many were counted without being kept. */
export type RejectLine =
  | Readonly<{ at: string; reason: string; text: string }>
  | Readonly<{ notKept: number }>

/** The rejects that are kept, oldest first. */
export async function readRejects(directory: string): Promise<readonly RejectLine[]> {
  const texts = await Promise.all(
    [formerRejectFile, rejectFile].map((file) => readWhenThere(join(directory, file))),
  )
  return texts.join('').split('\n').flatMap(parsedLine)
}

async function readWhenThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

/** Ingest may be in the middle of its last line, or have died in it. */
function parsedLine(line: string): readonly RejectLine[] {
  try {
    return [JSON.parse(line)]
  } catch {
    return []
  }
}

const lineOf = (row: unknown): string => `${JSON.stringify(row)}\n`

async function appendBounded(directory: string, text: string, bytesMax: number): Promise<void> {
  await mkdir(directory, { recursive: true })
  const path = join(directory, rejectFile)
  await appendFile(path, text)
  const { size } = await stat(path)
  if (size > bytesMax) await rename(path, join(directory, formerRejectFile))
}
