import { createRequire } from 'node:module'
import * as assert from 'uvu/assert'
import { armTimerOnlyWhilePending } from '../../../src/event-store/kafka/idle-timer.ts'
import { suite } from '../../support/suite.ts'

const test = suite('Kafka idle timer')

armTimerOnlyWhilePending()
const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue')

const queue = (pending: readonly unknown[], throttledUntil: number) =>
  Object.assign(Object.create(RequestQueue.prototype), {
    pending,
    throttledUntil,
    throttleCheckTimeoutId: null,
  })

test('an idle connection arms no timer', () => {
  const idle = queue([], -1)
  idle.scheduleCheckPendingRequests()
  assert.is(idle.throttleCheckTimeoutId, null)
})

test('a request that waits is looked at again', async () => {
  const waiting = queue([{}], -1)
  const checked = new Promise<void>((resolve) => {
    waiting.checkPendingRequests = resolve
  })
  waiting.scheduleCheckPendingRequests()
  await checked
  assert.is(waiting.throttleCheckTimeoutId, null)
})

test.run()
