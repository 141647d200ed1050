import type { TradelogError } from '../../domain/errors.ts'
import { storeError } from './errors.ts'

/** What every call passes through: LMDB must not be closed under one that is under way. */
export type Gate = Readonly<{
  /** Runs the work, unless refused; what LMDB throws becomes an error of the read-model store. */
  enter: <T>(work: () => T | Promise<T>) => Promise<T>
  /** Runs work that ends within this turn, unless refused. */
  pass: <T>(work: () => T) => T
  /** Resolves when nothing is under way. Who calls it has made sure that new work is refused. */
  drained: () => Promise<void>
}>

export function openGate(directory: string, refusal: () => TradelogError | undefined): Gate {
  let running = 0
  let onIdle: (() => void)[] = []
  const refuse = () => {
    const error = refusal()
    if (error !== undefined) throw error
  }
  const leave = () => {
    running--
    if (running > 0) return
    for (const wake of onIdle) wake()
    onIdle = []
  }
  return {
    enter: async (work) => {
      refuse()
      running++
      try {
        return await work()
      } catch (error) {
        refuse()
        throw await storeError(directory, error)
      } finally {
        leave()
      }
    },
    pass: (work) => {
      refuse()
      return work()
    },
    drained: async () => {
      if (running > 0) await new Promise<void>((wake) => onIdle.push(wake))
    },
  }
}
