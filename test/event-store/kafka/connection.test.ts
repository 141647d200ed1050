import * as assert from 'uvu/assert'
import { whenServed } from '../../../src/event-store/kafka/connection.ts'
import { storeError } from '../../../src/event-store/kafka/errors.ts'
import { failureOf } from '../../support/failure.ts'
import { suite } from '../../support/suite.ts'

const test = suite('connection to Kafka')

const typed = (type: string) => storeError(Object.assign(new Error(type), { type }))

/** Fails with these errors, one after the other, and then succeeds. */
function failing(...errors: readonly Error[]) {
  const left = [...errors]
  const pauses: number[] = []
  const operation = async () => {
    const error = left.shift()
    if (error !== undefined) throw error
    return 'served'
  }
  return { pauses, run: () => whenServed(operation, async (ms) => pauses.push(ms)) }
}

const isNew = typed('UNKNOWN_TOPIC_OR_PARTITION')

test('a topic that its broker does not serve yet is tried again, with longer pauses', async () => {
  const { run, pauses } = failing(...Array(6).fill(isNew))
  assert.is(await run(), 'served')
  assert.equal(pauses, [100, 200, 400, 800, 1_000, 1_000])
})

test('a topic that is never served rejects with why', async () => {
  const { run, pauses } = failing(...Array(99).fill(isNew))
  assert.is((await failureOf(run())).code, 'EVENT_STORE_UNAVAILABLE')
  assert.is(pauses.length, 9)
})

test('any other error is not tried again', async () => {
  const { run, pauses } = failing(typed('TOPIC_AUTHORIZATION_FAILED'))
  assert.is((await failureOf(run())).code, 'EVENT_STORE_REFUSED')
  assert.equal(pauses, [])
})

test.run()
