import { TradelogError } from '../../domain/errors.ts'
import { isDiskFull, reasonOf } from '../../runtime/lmdb.ts'
import { systemCode } from '../../runtime/system-code.ts'

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
