import type { EmbeddedLog } from './log.ts'

/** How soon a reader sees what other processes append. */
const pollEveryMs = 20

/** Wakes waiting readers when the log has grown. */
export type WakeUp = Readonly<{
  /** Call it after each append of this process. */
  wake: () => void
  /** Calls back, once, when the log has grown beyond these heads. Returns how to stop waiting. */
  onGrowth: (heads: readonly number[], callback: () => void) => () => void
}>

/** One poll for all readers, and only while one waits. */
export function createWakeUp({ heads }: EmbeddedLog): WakeUp {
  const waiting = new Map<() => void, number>()
  let timer: NodeJS.Timeout | undefined
  const stop = (callback: () => void) => {
    waiting.delete(callback)
    if (waiting.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
  const wake = () => {
    const size = sizeNow()
    for (const [callback, seen] of waiting) {
      if (seen === size) continue
      stop(callback)
      callback()
    }
  }
  const sizeNow = () => {
    try {
      return total(heads())
    } catch {
      // Each reader gets the same error from its own read, and reports it.
      return undefined
    }
  }
  return {
    wake,
    onGrowth: (seen, callback) => {
      waiting.set(callback, total(seen))
      timer ??= setInterval(wake, pollEveryMs)
      return () => stop(callback)
    },
  }
}

/** Heads only grow, so their sum shows whether one did. */
const total = (heads: readonly number[]) => heads.reduce((sum, head) => sum + head, 0)
