import { createRequire } from 'node:module'
import * as assert from 'uvu/assert'
import { partitionOf } from '../../src/domain/partition.ts'
import { seededRandom, testSeed } from '../support/random.ts'
import { suite } from '../support/suite.ts'

const kafkaMurmur2: (key: Buffer) => number = createRequire(import.meta.url)(
  'kafkajs/src/producer/partitioners/default/murmur2.js',
)
const kafkaPartition = (key: string, partitions: number) =>
  (kafkaMurmur2(Buffer.from(key)) & 0x7fffffff) % partitions

const test = suite('partition of a key')

test('is the one that Kafka clients choose, for keys of every length', () => {
  const random = seededRandom(testSeed)
  for (let length = 0; length <= 128; length++) {
    const bytes = Array.from({ length }, () => Math.floor(random() * 128))
    const key = String.fromCharCode(...bytes)
    for (const partitions of [1, 2, 6, 97]) {
      assert.is(partitionOf(key, partitions), kafkaPartition(key, partitions), `seed ${testSeed}`)
    }
  }
})

test('is the one that Kafka clients choose, for keys beyond ASCII', () => {
  for (const key of ['日経225', '🦄', 'é', 'BINANCE:BTCUSDT', '__proto__', '\u00ff\u0100']) {
    assert.is(partitionOf(key, 6), kafkaPartition(key, 6), key)
  }
})

test.run()
