import * as assert from 'uvu/assert'
import { TradelogError } from '../../src/domain/errors.ts'

/** The error that this fails with, which must be a `TradelogError`. */
export async function failureOf(attempt: Promise<unknown>): Promise<TradelogError> {
  const error = await attempt.then(
    () => undefined,
    (failure: unknown) => failure,
  )
  assert.instance(error, TradelogError)
  return error as TradelogError
}
