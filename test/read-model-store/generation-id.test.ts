import * as assert from 'uvu/assert'
import { isGenerationId, newGenerationId } from '../../src/read-model-store/generation-id.ts'
import { suite } from '../support/suite.ts'

const test = suite('generation id')

const createdAt = Date.UTC(2026, 10, 24, 10, 15, 0, 123)

test('names the model and the time to the millisecond', () => {
  assert.match(newGenerationId('candles', createdAt), /^candles-20261124t101500123-[0-9a-f]{8}$/)
})

test('sorts by time within a model', () => {
  const times = [0, 999, 1000, createdAt, createdAt + 1, Date.UTC(2099, 0, 1)]
  const ids = times.map((time) => newGenerationId('candles', time))
  assert.equal([...ids].sort(), ids)
})

test('differs between two of one millisecond', () => {
  const ids = Array.from({ length: 100 }, () => newGenerationId('candles', createdAt))
  assert.is(new Set(ids).size, 100)
})

test('is distinguished from other names', () => {
  assert.ok(isGenerationId(newGenerationId('top-trades', createdAt)))
  for (const name of ['catalogue', 'candles', 'candles-20261124-4f9a2c01', 'lost+found']) {
    assert.not.ok(isGenerationId(name), name)
  }
})

test.run()
