import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { eventually } from './eventually.ts'

/** The command line. */
export const mainProgram = join(import.meta.dirname, '../../src/cli/main.js')

/** A busy machine takes seconds to start a process. */
const addressTimeoutMs = 60_000

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Settings as environment variables without their prefix: `{ API_PORT: '0' }`. */
export type Settings = Readonly<Record<string, string>>

export type RunningTradelog = Readonly<{
  process: ChildProcess
  /** All it has written so far. */
  stdout: () => string
  stderr: () => string
  /** The address of its API, as it prints it. */
  address: () => Promise<string>
  kill: (signal?: NodeJS.Signals) => Promise<void>
  /** Its exit code; null if a signal ended it. */
  exit: () => Promise<number | null>
}>

/** Starts a command of the command line, or of another program for Node, in a new process. */
export function startTradelog(
  args: readonly string[],
  settings: Settings,
  program: readonly string[] = [mainProgram],
): RunningTradelog {
  const child = spawn(process.execPath, [...program, ...args], {
    env: { ...withoutSettings(process.env), ...settingsEnvironment(settings) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'close').then(([code]) => code as number | null)
  const out = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => {
    out.stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    out.stderr += chunk
  })
  running.add(child)
  exited.finally(() => running.delete(child))
  return {
    process: child,
    stdout: () => out.stdout,
    stderr: () => out.stderr,
    address: async () => {
      const printed = () => /http:\/\/[^\s/"]+/.exec(out.stdout)?.[0]
      const isUp = () => {
        if (child.exitCode !== null) throw new Error(`it ended: ${out.stderr}`)
        return printed()
      }
      await eventually(isUp, { timeoutMs: addressTimeoutMs })
      return printed() ?? ''
    },
    kill: async (signal = 'SIGKILL') => {
      child.kill(signal)
      await exited
    },
    exit: () => exited,
  }
}

/** Runs a command to its end. */
export async function runTradelog(
  args: readonly string[],
  settings: Settings,
  program: readonly string[] = [mainProgram],
) {
  const running = startTradelog(args, settings, program)
  const code = await running.exit()
  return { code, stdout: running.stdout(), stderr: running.stderr() }
}

/** The environment variables that say the settings. */
export const settingsEnvironment = (settings: Settings): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(settings).map(([name, value]) => [`TRADELOG_${name}`, value]))

/** Removes the settings of this machine, which must not reach the processes under test. */
const withoutSettings = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('TRADELOG_')))
