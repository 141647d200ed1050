/**
 * To be imported before a command (`node --import`). `TRADELOG_CRASH_AT=point:k` ends the process
 * by SIGKILL at the k-th pass of a crash point. A process that ends by itself writes into the
 * folder `TRADELOG_CRASH_COUNTS` how often it passed each, a file per thread.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { armCrashPoints } from '../../src/runtime/crash-point.ts'

const { TRADELOG_CRASH_AT: at, TRADELOG_CRASH_COUNTS: folder } = process.env
const passes: Record<string, number> = {}

armCrashPoints((point) => {
  const count = (passes[point] ?? 0) + 1
  passes[point] = count
  if (`${point}:${count}` === at) process.kill(process.pid, 'SIGKILL')
})

process.once('exit', () => {
  if (folder !== undefined) {
    writeFileSync(join(folder, `${process.pid}-${threadId}.json`), JSON.stringify(passes))
  }
})
