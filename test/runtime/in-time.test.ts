import * as assert from 'uvu/assert'
import { inTime } from '../../src/runtime/in-time.ts'
import { suite } from '../support/suite.ts'

const test = suite('in time')

test('gives the result, and aborts the signal afterwards', async () => {
  let signal: AbortSignal | undefined
  const result = await inTime(60_000, async (over) => {
    signal = over
    return 7
  })
  assert.is(result, 7)
  assert.is(signal?.aborted, true)
})

test('gives up on work that takes longer, and aborts its signal', async () => {
  let signal: AbortSignal | undefined
  const result = await inTime(1, (over) => {
    signal = over
    return new Promise(() => {})
  })
  assert.is(result, undefined)
  assert.is(signal?.aborted, true)
})

test('rejects as the work does, and not a second time after it has given up', async () => {
  const failing = inTime(60_000, () => Promise.reject(new Error('broken')))
  assert.is(await failing.catch((error) => error.message), 'broken')
  let fail: (error: Error) => void = () => {}
  const late = new Promise<never>((_, reject) => {
    fail = reject
  })
  assert.is(await inTime(1, () => late), undefined)
  fail(new Error('late'))
})

test.run()
