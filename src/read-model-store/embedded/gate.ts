import { TradelogError } from '../../domain/errors.ts'
import { isDiskFull, reasonOf } from '../../runtime/lmdb.ts'
import { systemCode } from '../../runtime/system-code.ts'

/**
 * Every call passes through a gate, since LMDB must not be closed while a call is in flight. The
 * store has one for its catalogue and one for each open generation. So a generation can be closed
 * while others are in use, and by a call that drops it, which is itself inside the first gate.
 */
export type Gate = Readonly<{
  /** Runs the work, unless refused; turns errors of LMDB into errors of the read-model store. */
  enter: <T>(work: () => T | Promise<T>) => Promise<T>
  /** Runs synchronous work, unless refused. */
  pass: <T>(work: () => T) => T
  /** Resolves when no call is in flight. The caller must already refuse new ones. */
  drained: () => Promise<void>
}>

export function openGate(directory: string, refusal: () => TradelogError | undefined): Gate {
  let running = 0
  let onIdle: (() => void)[] = []
  const throwIfRefused = () => {
    const error = refusal()
    if (error !== undefined) throw error
  }
  const endCall = () => {
    running--
    if (running > 0) return
    for (const wake of onIdle) wake()
    onIdle = []
  }
  return {
    enter: async (work) => {
      throwIfRefused()
      running++
      try {
        return await work()
      } catch (error) {
        throwIfRefused()
        throw await storeError(directory, error)
      } finally {
        endCall()
      }
    },
    pass: (work) => {
      throwIfRefused()
      return work()
    },
    drained: async () => {
      if (running > 0) await new Promise<void>((wake) => onIdle.push(wake))
    },
  }
}

/**
 * Turns an error of LMDB or the file system into one of the read-model store in a directory.
 * Any other error, such as our own and defects in the code, stays as it is.
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
