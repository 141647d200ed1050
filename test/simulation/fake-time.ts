import { syncBuiltinESMExports } from 'node:module'
import timersPromises from 'node:timers/promises'
import type { Scheduler } from './scheduler.ts'

/** A timer that belongs to a simulation. */
class SimulatedTimer {
  cancel = () => {}
  unref = () => this
}

let scheduler: Scheduler | undefined

/** Sets the scheduler of `Date`, `Math.random` and every timer; undefined: the real ones. */
export function useScheduler(next: Scheduler | undefined): void {
  scheduler = next
}

/**
 * Replaces the real time by the simulated one while the work runs: the current scheduler then
 * returns the time and runs every timer.
 */
export async function withFakeTime<T>(work: () => Promise<T>): Promise<T> {
  const replaced = [
    replace(globalThis, globals),
    replace(timersPromises, promises),
    replace(Date, { now: () => scheduler?.now() ?? real.now() }),
    replace(Math, { random: () => (scheduler ?? real).random() }),
  ]
  syncBuiltinESMExports()
  try {
    return await work()
  } finally {
    for (const restore of replaced) restore()
    syncBuiltinESMExports()
  }
}

const real = {
  now: Date.now,
  random: Math.random,
  setTimeout: globalThis.setTimeout,
  setInterval: globalThis.setInterval,
  setImmediate: globalThis.setImmediate,
  clear: globalThis.clearTimeout,
  sleep: timersPromises.setTimeout,
  nextTurn: timersPromises.setImmediate,
}

function start(owner: Scheduler, delayMs: number, run: () => void, repeats: boolean) {
  const timer = new SimulatedTimer()
  const actor = owner.current()
  const arm = () => {
    timer.cancel = owner.add(actor, 'timer', delayMs, () => {
      if (repeats) arm()
      run()
    })
  }
  arm()
  return timer
}

function clear(timer: unknown) {
  if (timer instanceof SimulatedTimer) timer.cancel()
  else real.clear(timer as NodeJS.Timeout)
}

type Run = (...args: unknown[]) => void

const globals = {
  setTimeout: (run: Run, ms = 0, ...args: unknown[]) =>
    scheduler === undefined
      ? real.setTimeout(run, ms, ...args)
      : start(scheduler, ms, () => run(...args), false),
  setInterval: (run: Run, ms = 0, ...args: unknown[]) =>
    scheduler === undefined
      ? real.setInterval(run, ms, ...args)
      : start(scheduler, ms, () => run(...args), true),
  setImmediate: (run: Run, ...args: unknown[]) =>
    scheduler === undefined
      ? real.setImmediate(run, ...args)
      : start(scheduler, 0, () => run(...args), false),
  clearTimeout: clear,
  clearInterval: clear,
}

const promises = {
  setTimeout: (ms = 0, value?: unknown, options?: { signal?: AbortSignal }) =>
    scheduler === undefined
      ? real.sleep(ms, value, options)
      : wait(scheduler, ms, value, options?.signal),
  setImmediate: (value?: unknown) =>
    scheduler === undefined ? real.nextTurn(value) : wait(scheduler, 0, value),
}

const wait = (owner: Scheduler, ms: number, value: unknown, signal?: AbortSignal) =>
  new Promise((resolve, reject) => {
    const abort = () => {
      timer.cancel()
      reject(signal?.reason)
    }
    const end = () => {
      signal?.removeEventListener('abort', abort)
      resolve(value)
    }
    const timer = start(owner, ms, end, false)
    signal?.addEventListener('abort', abort)
  })

/** Returns a function that restores what was replaced. */
function replace(target: object, by: Readonly<Record<string, unknown>>) {
  const before = Object.fromEntries(
    Object.keys(by).map((name) => [name, Reflect.get(target, name)] as const),
  )
  Object.assign(target, by)
  return () => void Object.assign(target, before)
}
