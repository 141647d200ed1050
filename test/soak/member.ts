import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { spoke } from '../end-to-end/flow.ts'
import { type RunningTradelog, type Settings, startTradelog } from '../support/tradelog.ts'

/** A process of the program, and those that replace it after a kill. */
export type Member = Readonly<{
  name: string
  /** Undefined while no process runs. */
  pid: () => number | undefined
  startedAt: () => number
  kill: () => Promise<void>
  start: () => void
  signal: (signal: 'SIGSTOP' | 'SIGCONT') => void
  /** Stops it as an operator does; returns its exit code. */
  stop: () => Promise<number | null>
}>

type Options = Readonly<{
  name: string
  args: readonly string[]
  settings: Settings
  /** The folder of its logs. */
  logDirectory: string
  /** Called if it ends by itself, or if its output has a line that is no log entry. */
  onSurprise: (surprise: string) => void
}>

export function startMember(options: Options): Member {
  const { name, args, settings, logDirectory, onSurprise } = options
  let running: RunningTradelog | undefined
  let startedAt = 0

  const start = () => {
    const started = startTradelog(args, settings)
    running = started
    startedAt = Date.now()
    started.exit().then((code) => {
      appendFileSync(join(logDirectory, `${name}.log`), started.stderr())
      for (const line of strayLines(started.stderr())) onSurprise(`${name} wrote: ${line}`)
      if (running !== started) return
      onSurprise(`${name} ended by itself with ${code}`)
      start()
    })
  }
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    const ending = running
    if (ending === undefined) return null
    running = undefined
    await ending.kill(signal)
    return await ending.exit()
  }
  start()
  return {
    name,
    pid: () => running?.process.pid,
    startedAt: () => startedAt,
    kill: async () => void (await end('SIGKILL')),
    start,
    signal: (signal) => void running?.process.kill(signal),
    stop: async () => {
      if (running !== undefined) await spoke(running)
      return await end('SIGTERM')
    },
  }
}

/** Every log entry of the program is JSON: other lines are Node's, about what went wrong. */
export function strayLines(stderr: string): readonly string[] {
  const lines = stderr.split('\n')
  // The last line of a process that was killed may be cut.
  return lines.slice(0, -1).filter((line) => line !== '' && !line.startsWith('{'))
}
