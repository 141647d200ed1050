import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import type { Command } from '../../src/cli/command.ts'
import { openEventStore, openReadModelStore, whenReachable } from '../../src/compose.ts'
import type { EventStore } from '../../src/event-store/event-store.ts'
import type { ReadModelStore } from '../../src/read-model-store/read-model-store.ts'
import { loadConfig } from '../../src/runtime/config/config.ts'
import { createLifetime } from '../../src/runtime/lifetime.ts'
import { silent } from '../support/silent.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import {
  mainProgram,
  type Settings,
  settingsEnvironment,
  startTradelog,
} from '../support/tradelog.ts'

/** A command with its names and flags, as typed. */
export type CommandLine = readonly [command: string, ...rest: string[]]

function composition(settings: Settings) {
  const { config } = loadConfig({ environment: settingsEnvironment(settings) })
  const { signal } = new AbortController()
  return { config, life: createLifetime(), logger: silent, signal }
}

/**
 * Runs a command in this process to its end, as the command line does, but without the time that a
 * new process takes. (Not for a role that runs on: if one process works on two openings of an LMDB
 * directory at once, the one can wait for the thread that waits for the other.)
 */
export async function finishHere([command, ...rest]: CommandLine, settings: Settings) {
  const context = composition(settings)
  let printed = ''
  const print = (text: string) => {
    printed += text
  }
  try {
    const file = join(mainProgram, `../commands/${command}.js`)
    const { [command]: of }: Record<string, Command> = await import(pathToFileURL(file).href)
    const { values: flags, positionals: names } = parseArgs({
      args: rest,
      options: of?.options ?? {},
      allowPositionals: true,
    })
    const code = await of?.run({ ...context, print, flags, names })
    if (code !== 0) throw new Error(`${command} ${rest} ended with ${code}: ${printed}`)
  } finally {
    await context.life.close()
  }
}

export type Stores = Readonly<{
  eventStore: EventStore
  readModelStore: ReadModelStore
  close: () => Promise<void>
}>

export async function openStores(settings: Settings): Promise<Stores> {
  const context = composition(settings)
  const eventStore = await whenReachable(openEventStore, context)
  const readModelStore = await whenReachable(openReadModelStore, context)
  return { eventStore, readModelStore, close: context.life.close }
}

const lookEveryMs = 20

const arm = pathToFileURL(join(import.meta.dirname, 'arm.js')).href

export type Outcome = Readonly<{
  isKilled: boolean
  pid: number
  /** How often each point was passed, if it ended by itself. */
  passes: ReadonlyMap<string, number>
}>

/**
 * Runs a command in a new process, which ends at the k-th pass of a crash point (`point:k`); a role
 * that doesn't is stopped as soon as it is done. Rejects if the command fails.
 */
export async function runArmed(
  line: CommandLine,
  settings: Settings,
  { at = '', done }: { at?: string | undefined; done?: (() => Promise<unknown>) | undefined },
): Promise<Outcome> {
  const counts = temporaryDirectory()
  const armed = { ...settings, CRASH_AT: at, CRASH_COUNTS: counts }
  const child = startTradelog(line, armed, [`--import=${arm}`, mainProgram])
  const { process } = child
  const isOver = () => process.exitCode !== null || process.signalCode !== null
  try {
    if (done !== undefined) {
      // Before it prints that it runs, it may not handle signals yet.
      const isDone = async () => child.stdout() !== '' && (await done())
      while (!isOver() && !(await isDone())) await sleep(lookEveryMs)
      process.kill('SIGTERM')
    }
    const code = await child.exit()
    const isKilled = process.signalCode === 'SIGKILL'
    if (!isKilled && code !== 0) {
      throw new Error(`${line.join(' ')} ended with ${code}: ${child.stdout()}${child.stderr()}`)
    }
    return { isKilled, pid: process.pid ?? 0, passes: passesIn(counts) }
  } finally {
    await child.kill()
  }
}

function passesIn(folder: string): ReadonlyMap<string, number> {
  const passes = new Map<string, number>()
  for (const file of readdirSync(folder)) {
    const ofThread: Record<string, number> = JSON.parse(readFileSync(join(folder, file), 'utf8'))
    for (const [point, count] of Object.entries(ofThread)) {
      passes.set(point, (passes.get(point) ?? 0) + count)
    }
  }
  return passes
}
