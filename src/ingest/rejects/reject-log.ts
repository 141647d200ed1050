import { appendFile, mkdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { countFailures, isLogged } from '../../runtime/backoff.ts'
import type { Reject } from '../feed.ts'
import { moveBehind, numberedFiles, readLines, rejectFile } from './files.ts'
import { notKeptLine, type Origin, rejectLine } from './line.ts'

type Bounds = Readonly<{
  /** Lines that wait to be written. */
  pendingBytesMax: number
  /** A file of so many is full, and the next one begins. */
  fileBytesMax: number
  /** All files together: if they have more, the oldest is removed. */
  allFilesBytesMax: number
}>

type RejectLogOptions = Readonly<{
  directory: string
  logger: Logger
  now?: () => number
  bounds?: Partial<Bounds>
}>

export type RejectLog = Readonly<{
  add: (reject: Reject, origin: Origin) => void
  /** Resolves when everything is written. */
  close: () => Promise<void>
}>

const mebibyte = 1024 * 1024

export const fileBytesMax = 8 * mebibyte

const usualBounds: Bounds = {
  pendingBytesMax: 16 * mebibyte,
  fileBytesMax,
  allFilesBytesMax: 8 * fileBytesMax,
}

/**
 * Keeps rejects whole, as JSON lines in files of bounded size, so that those which turn out to be
 * trades can be brought back. It never holds ingest up. What can't be written in time, and what an
 * old file held when it is removed, is counted in a line of its own, and logged.
 */
export function openRejectLog(options: RejectLogOptions): RejectLog {
  const { directory, logger, now = Date.now } = options
  const bounds = { ...usualBounds, ...options.bounds }
  const tryAppend = appenderTo(directory, bounds, logger)
  let pending: string[] = []
  let pendingBytes = 0
  let notKept = 0
  let flooded = 0
  let writing: Promise<void> | undefined

  const write = async () => {
    let canWrite = true
    const append = async (lines: readonly string[], count: number) => {
      const removed = await tryAppend(lines.join(''))
      canWrite = removed !== undefined
      notKept += removed ?? count
    }
    while (pending.length > 0 || (notKept > 0 && canWrite)) {
      const lines = pending
      pending = []
      for (const some of inAppends(lines)) {
        await append(some, some.length)
        pendingBytes -= bytesOf(some)
      }
      const count = notKept
      notKept = 0
      if (count > 0) await append([notKeptLine(count, now())], count)
    }
    writing = undefined
  }
  const add = (reject: Reject, origin: Origin) => {
    if (pendingBytes < bounds.pendingBytesMax) {
      const line = rejectLine(reject, origin)
      pending.push(line)
      pendingBytes += Buffer.byteLength(line)
    } else {
      notKept++
      flooded++
      if (isLogged(flooded)) logger.warn({ rejects: flooded }, floodMessage)
    }
    writing ??= write()
  }
  return { add, close: async () => writing }
}

const floodMessage = 'rejects come faster than they are written: some are only counted'

const appendBytesMax = mebibyte / 4

function* inAppends(lines: readonly string[]): Generator<readonly string[]> {
  let some: string[] = []
  let bytes = 0
  for (const line of lines) {
    some.push(line)
    bytes += Buffer.byteLength(line)
    if (bytes < appendBytesMax) continue
    yield some
    some = []
    bytes = 0
  }
  if (some.length > 0) yield some
}

const bytesOf = (lines: readonly string[]): number =>
  lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0)

/**
 * Appends lines; answers how many rejects were removed with old files for them, undefined if the
 * lines couldn't be written.
 */
function appenderTo(directory: string, bounds: Bounds, logger: Logger) {
  const path = join(directory, rejectFile)
  let removals = 0
  let isClean = false
  const failures = countFailures()

  const append = async (lines: string) => {
    await mkdir(directory, { recursive: true })
    // A process may have died in the middle of a line, or the disk may have been full there.
    const begin = isClean ? '' : '\n'
    isClean = false
    await appendFile(path, begin + lines)
    isClean = true
  }
  const removeWhenFull = async () => {
    if ((await stat(path)).size < bounds.fileBytesMax) return 0
    await moveBehind(path, directory)
    const removed = await removeOldest(directory, bounds.allFilesBytesMax - bounds.fileBytesMax)
    if (removed > 0 && isLogged(++removals)) logger.warn({ rejects: removed }, removalMessage)
    return removed
  }
  return async (lines: string): Promise<number | undefined> => {
    let isWritten = false
    try {
      await append(lines)
      isWritten = true
      const removed = await removeWhenFull()
      failures.works()
      return removed
    } catch (error) {
      if (failures.failed() === 1) logger.warn({ err: error }, 'the reject log cannot be written')
      return isWritten ? 0 : undefined
    }
  }
}

const removalMessage = 'the reject log is full: its oldest rejects are only counted now'

/** Leaves so many bytes of full files; answers how many rejects those that it removed held. */
async function removeOldest(directory: string, bytesMax: number): Promise<number> {
  const files = []
  for (const { path } of await numberedFiles(directory, 'rejects')) {
    files.push({ path, bytes: (await stat(path)).size })
  }
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  let removed = 0
  for (const file of files) {
    if (bytes <= bytesMax) break
    removed += await rejectsIn(file.path)
    await unlink(file.path)
    bytes -= file.bytes
  }
  return removed
}

/** With those that were only counted; a line that can't be read counts as one. */
async function rejectsIn(path: string): Promise<number> {
  let count = 0
  for await (const lines of readLines(path)) {
    for (const { line } of lines) {
      count += line !== undefined && 'notKept' in line ? line.notKept : 1
    }
  }
  return count
}
