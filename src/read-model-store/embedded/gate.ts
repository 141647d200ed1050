import { TradelogError } from '../../domain/errors.ts'
import { isDiskFull, reasonOf } from '../../runtime/lmdb.ts'
import { systemCode } from '../../runtime/system-code.ts'

/**
 * What every call passes through: LMDB must not be closed under one that is under way. The store has
 * a gate for its catalogue, and one for each generation it has opened, so that a generation can be
 * closed while the others are in use, and by a call to drop it, which is itself within the first.
 */
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

/**
 * What LMDB or the file system threw, as an error of the read-model store in a directory.
 * Everything else, our own errors and mistakes in the code, stays as it is.
 */
export async function storeError(directory: string, error: unknown): Promise<unknown> {
  const cause = await reasonOf(error)
  if (!(cause instanceof Error) || cause instanceof TradelogError) return error
  if (!isOfLmdb(cause) && systemCode(cause) === undefined) return error
  const { message } = cause
  return isDiskFull(directory, cause)
    ? new TradelogError('READ_MODEL_STORE_FULL', `no space is left in ${directory}: ${message}`, {
        cause,
      })
    : new TradelogError(
        'READ_MODEL_STORE_UNAVAILABLE',
        `the read models in ${directory} cannot be reached: ${message}`,
        { cause },
      )
}

/** LMDB's codes are numbers. */
const isOfLmdb = (error: Error): boolean => 'code' in error && typeof error.code === 'number'
