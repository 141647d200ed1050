import * as assert from 'uvu/assert'
import { createRowCache } from '../../src/projections/row-cache.ts'
import { suite } from '../support/suite.ts'

const test = suite('rows kept from batch to batch')

const row = (count: number) => ({ value: {}, guard: `0:${count}`, count })

test('keeps the rows used last, and evicts the others at the second call', () => {
  const cache = createRowCache(2)
  cache.set('a', row(1))
  cache.set('b', row(2))
  cache.evict()
  assert.equal(cache.get('a'), row(1))
  cache.set('c', row(3))
  cache.evict()
  assert.equal(cache.get('a'), row(1))
  assert.is(cache.get('b'), undefined)
  assert.equal(cache.get('c'), row(3))
})

test('keeps every row while there are few', () => {
  const cache = createRowCache(2)
  cache.set('a', row(1))
  for (let batch = 0; batch < 5; batch++) cache.evict()
  assert.equal(cache.get('a'), row(1))
})

test('returns the newest of a row, also if it was set again after an eviction', () => {
  const cache = createRowCache(1)
  cache.set('a', row(1))
  cache.evict()
  cache.set('a', row(2))
  assert.equal(cache.get('a'), row(2))
  cache.evict()
  assert.equal(cache.get('a'), row(2))
})

test('is empty when cleared', () => {
  const cache = createRowCache(1)
  cache.set('a', row(1))
  cache.evict()
  cache.set('b', row(2))
  cache.clear()
  assert.is(cache.get('a'), undefined)
  assert.is(cache.get('b'), undefined)
})

test.run()
