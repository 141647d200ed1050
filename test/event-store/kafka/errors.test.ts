import * as assert from 'uvu/assert'
import { TradelogError } from '../../../src/domain/errors.ts'
import { storeError } from '../../../src/event-store/kafka/errors.ts'
import { suite } from '../../support/suite.ts'

const test = suite('Kafka errors')

const kafkaError = (fields: object, cause?: unknown) =>
  Object.assign(new Error('said the broker', { cause }), fields)

for (const [fields, code] of [
  [{ type: 'MESSAGE_TOO_LARGE' }, 'EVENT_TOO_LARGE'],
  [{ type: 'OFFSET_OUT_OF_RANGE' }, 'LOG_TRUNCATED'],
  [{ type: 'TOPIC_AUTHORIZATION_FAILED' }, 'EVENT_STORE_REFUSED'],
  [{ name: 'KafkaJSSASLAuthenticationError' }, 'EVENT_STORE_REFUSED'],
  [{ name: 'KafkaJSConnectionError', code: 'ECONNREFUSED' }, 'EVENT_STORE_UNAVAILABLE'],
  [{ type: 'NOT_LEADER_FOR_PARTITION' }, 'EVENT_STORE_UNAVAILABLE'],
  [{}, 'EVENT_STORE_UNAVAILABLE'],
] as const) {
  test(`${JSON.stringify(fields)} is ${code}`, () => {
    assert.is(storeError(kafkaError(fields)).code, code)
  })
}

test('the error that ended the retries decides', () => {
  const exceeded = { name: 'KafkaJSNumberOfRetriesExceeded', retriable: false }
  const error = kafkaError(exceeded, kafkaError({ type: 'GROUP_AUTHORIZATION_FAILED' }))
  assert.is(storeError(error).code, 'EVENT_STORE_REFUSED')
})

test('an error of our own stays what it is', () => {
  const error = new TradelogError('LOG_REPLACED', 'another log')
  assert.is(storeError(error), error)
})

test('a circular chain of causes ends', () => {
  const error = kafkaError({})
  error.cause = error
  assert.is(storeError(error).code, 'EVENT_STORE_UNAVAILABLE')
})

test.run()
