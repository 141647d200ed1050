import { TradelogError } from '../domain/errors.ts'
import { reasonOf } from '../runtime/lmdb.ts'

/**
 * ENOSPC, EDQUOT, EFBIG and MDB_MAP_FULL, as LMDB reports them and as Node does. EIO (5) is what
 * LMDB makes of a write that was cut short, which is how most disks run full.
 */
const fullCodes: readonly unknown[] = [28, 122, 27, 5, -30792, 'ENOSPC', 'EDQUOT', 'EFBIG']

/**
 * What LMDB or the file system threw, as an error of the read-model store. Everything else, our
 * own errors and mistakes in the code, stays as it is.
 */
export const storeError = async (error: unknown): Promise<unknown> => {
  const cause = await reasonOf(error)
  const code = codeOf(cause)
  if (cause instanceof TradelogError || code === undefined) return error
  if (fullCodes.includes(code)) {
    return new TradelogError('READ_MODEL_STORE_FULL', 'the disk of the read models is full', {
      cause,
    })
  }
  return new TradelogError('READ_MODEL_STORE_UNAVAILABLE', 'the read models cannot be reached', {
    cause,
  })
}

/** LMDB's codes are numbers, those of the file system `E…`; Node's own mistakes are `ERR_…`. */
const codeOf = (error: unknown): number | string | undefined => {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  const { code } = error
  if (typeof code === 'number') return code
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined
}
