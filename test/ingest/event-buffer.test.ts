import * as assert from 'uvu/assert'
import { createEventBuffer } from '../../src/ingest/event-buffer.ts'
import { suite } from '../support/suite.ts'
import { trade } from '../support/trade.ts'

const test = suite('event buffer')

function bufferOf(eventsMax: number) {
  const signs: string[] = []
  const buffer = createEventBuffer({
    eventsMax,
    onFull: () => void signs.push('full'),
    onRoom: () => void signs.push('room'),
  })
  return { buffer, signs }
}
const some = (count: number) =>
  Array.from({ length: count }, (_, nth) => trade({ executedAt: nth }))

test('is full at its limit, not one event before, and says so once', () => {
  const { buffer, signs } = bufferOf(10)
  buffer.add(some(9), 0)
  assert.equal(signs, [])
  buffer.add(some(1), 0)
  assert.equal(signs, ['full'])
  buffer.add(some(5), 0)
  assert.equal(signs, ['full'])
  assert.is(buffer.size(), 15, 'what the socket had read already is kept')
})

test('has room again when half of it is free, not one event before', async () => {
  const { buffer, signs } = bufferOf(10)
  buffer.add(some(10), 0)
  await buffer.take(4)
  assert.equal(signs, ['full'])
  await buffer.take(1)
  assert.equal(signs, ['full', 'room'])
  buffer.add(some(5), 0)
  assert.equal(signs, ['full', 'room', 'full'])
})

test('gives the oldest, at most as many as are asked for, and waits for the first', async () => {
  const { buffer } = bufferOf(10)
  const waiting = buffer.take(3)
  const events = some(5)
  buffer.add(events, 0)
  assert.equal(await waiting, events.slice(0, 3))
  assert.equal(await buffer.take(3), events.slice(3))
})

test('gives what is left after its end, then nothing', async () => {
  const { buffer } = bufferOf(10)
  buffer.add(some(2), 0)
  buffer.end()
  assert.is((await buffer.take(10)).length, 2)
  assert.equal(await buffer.take(10), [])
  buffer.add(some(3), 0)
  assert.is(buffer.clear(), 3)
  assert.is(buffer.size(), 0)
})

test('what is taken first comes from the front, also if it was added last', async () => {
  const { buffer, signs } = bufferOf(3)
  buffer.add(some(2), 0)
  const [first] = some(1)
  buffer.addFirst(some(1), 0)
  assert.equal(signs, ['full'])
  assert.equal(await buffer.take(1), [first])
})

test('all is known until the oldest event came that is not in the log yet', async () => {
  const { buffer } = bufferOf(10)
  assert.is(buffer.pendingSince(), null)
  buffer.add(some(2), 1_000)
  buffer.add(some(1), 1_005)
  buffer.add(some(2), 2_000)
  assert.is(buffer.pendingSince(), 1_000)
  await buffer.take(2)
  assert.is(buffer.pendingSince(), 1_000, 'they are not in the log before the next is taken')
  await buffer.take(1)
  assert.is(buffer.pendingSince(), 1_000, 'events that come together share a time')
  await buffer.take(1)
  assert.is(buffer.pendingSince(), 2_000)
  buffer.add(some(1), 500)
  assert.is(buffer.pendingSince(), 500, 'an interruption that began earlier')
  await buffer.take(9)
  void buffer.take(1)
  assert.is(buffer.pendingSince(), null)
})

test.run()
