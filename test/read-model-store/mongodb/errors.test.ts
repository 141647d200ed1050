import { MongoBulkWriteError, MongoNetworkError, MongoServerError } from 'mongodb'
import * as assert from 'uvu/assert'
import { hasCode } from '../../../src/domain/errors.ts'
import { isOnlyDuplicateKeys, storeError } from '../../../src/read-model-store/mongodb/errors.ts'
import { suite } from '../../support/suite.ts'

const test = suite('MongoDB errors')

function bulkError(codes: readonly number[], writeConcernError: object | undefined = undefined) {
  const writeErrors = codes.map((code) => ({ code }))
  const error = new MongoBulkWriteError({ message: 'bulk', writeErrors } as never, {} as never)
  const result = { getWriteConcernError: () => writeConcernError }
  return Object.assign(error, { writeErrors, result })
}

test('an unordered insert may fail for duplicates alone', () => {
  assert.is(isOnlyDuplicateKeys(bulkError([11000, 11000])), true)
  assert.is(isOnlyDuplicateKeys(bulkError([11000, 121])), false)
  assert.is(isOnlyDuplicateKeys(bulkError([])), false)
  assert.is(isOnlyDuplicateKeys(new MongoNetworkError('connection closed')), false)
})

test('duplicates that are not durable on a majority are no success', () => {
  assert.is(isOnlyDuplicateKeys(bulkError([11000], { code: 64 })), false)
})

test('a full database is distinguished from an unavailable one', () => {
  const full = new MongoServerError({ message: 'No space left on device', code: 14031 })
  const quota = new MongoServerError({ message: 'over your space quota', code: 8000 })
  const away = new MongoNetworkError('connection closed')
  for (const error of [full, quota]) assert.ok(hasCode(storeError(error), 'READ_MODEL_STORE_FULL'))
  assert.ok(hasCode(storeError(away), 'READ_MODEL_STORE_UNAVAILABLE'))
})

test('a defect in the code is not reported as an error of the database', () => {
  const defect = new TypeError('x is not a function')
  assert.is(storeError(defect), defect)
})

test.run()
