import * as assert from 'uvu/assert'
import {
  advance,
  formatPositions,
  isAbove,
  isNewer,
  isOtherLog,
  lowest,
  mergeGuards,
  type Positions,
  parsePositions,
  positionsOf,
} from '../../../src/read-api/stream/positions.ts'
import { suite } from '../../support/suite.ts'

const test = suite('positions of a stream')

const positions = (places: Record<number, number>, log = 'aaaaaaaa'): Positions =>
  new Map(Object.entries(places).map(([p, offset]) => [Number(p), { offset, log }]))

const checkpoint = (next: number, origin = 'log') =>
  new Map([
    [3, { next, applied: 1, origin }],
    [0, { next: 0, applied: 0, origin }],
  ])

test('are the last offsets below a checkpoint', () => {
  const found = positionsOf(checkpoint(8))
  assert.equal([...found.keys()], [3])
  assert.is(found.get(3)?.offset, 7)
})

test('of another log are recognised', () => {
  const [before, after] = [positionsOf(checkpoint(8)), positionsOf(checkpoint(8, 'other'))]
  assert.ok(isOtherLog(before, after))
  assert.not(isOtherLog(before, positionsOf(checkpoint(9))))
  assert.not(isOtherLog(before, new Map()))
  assert.is(advance(before, after).get(3)?.log, after.get(3)?.log)
})

test('are formatted as an id and parsed again', () => {
  const some = positions({ 0: 1_041, 3: 7 })
  assert.is(formatPositions(some), '0:1041:aaaaaaaa,3:7:aaaaaaaa')
  assert.equal(parsePositions(formatPositions(some)), some)
})

test('are empty if the id is a foreign one', () => {
  for (const id of ['', '17', '0:1', '0:1:xyz', '0:-1:aaaaaaaa', '0:1:aaaaaaaa,', 'é'.repeat(9)]) {
    assert.is(parsePositions(id).size, 0, id)
  }
})

test('of several sources are those that all have reached', () => {
  assert.equal(lowest([positions({ 0: 5, 1: 9 }), positions({ 0: 7, 2: 1 })]), positions({ 0: 5 }))
  assert.equal(lowest([positions({ 0: 5 })]), positions({ 0: 5 }))
  assert.is(lowest([positions({ 0: 5 }), positions({ 0: 5 }, 'bbbbbbbb')]).size, 0)
})

test('never go back and are never forgotten', () => {
  const sent = positions({ 0: 5, 1: 5 })
  assert.equal(advance(sent, positions({ 0: 3, 2: 1 })), positions({ 0: 5, 1: 5, 2: 1 }))
  assert.equal(advance(sent, new Map()), sent)
})

test('decide which rows are above them', () => {
  assert.ok(isAbove('0:6', positions({ 0: 5 })))
  assert.not(isAbove('0:5', positions({ 0: 5 })))
  assert.ok(isAbove('0:5,1:2', positions({ 0: 5 })))
  assert.ok(isAbove('0:0', new Map()))
})

test('decide which version of a row is newer', () => {
  assert.ok(isNewer('0:10', '0:9'))
  assert.not(isNewer('0:9', '0:10'))
  assert.not(isNewer('0:9', '0:9'))
  assert.ok(isNewer('0:9,1:4', '0:9'))
  assert.not(isNewer('0:9', '0:9,1:4'))
  assert.not(isNewer('0:10,1:3', '0:9,1:4'))
})

test('of rows taken together are the latest of each', () => {
  assert.is(mergeGuards(['0:5', '0:9,1:2', '0:7']), '0:9,1:2')
})

test.run()
