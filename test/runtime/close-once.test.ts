import * as assert from 'uvu/assert'
import { closeOnce } from '../../src/runtime/close-once.ts'
import { suite } from '../support/suite.ts'

const test = suite('close once')

test('closes once, and a second call waits for the first', async () => {
  const steps: string[] = []
  let finish = () => {}
  const close = closeOnce(async () => {
    steps.push('begun')
    await new Promise<void>((resolve) => {
      finish = resolve
    })
    steps.push('closed')
  })
  assert.is(close.hasBegun(), false)
  const both = Promise.all([close(), close()])
  assert.is(close.hasBegun(), true)
  finish()
  await both
  assert.equal(steps, ['begun', 'closed'])
})

test('a failure is that of every call', async () => {
  const close = closeOnce(async () => {
    throw new Error('stuck')
  })
  for (const call of [close(), close()]) {
    assert.is(await call.catch((error) => error.message), 'stuck')
  }
})

test.run()
