import { createRequire } from 'node:module'
import type { Broker } from 'kafkajs'
import * as assert from 'uvu/assert'
import { type FetchResponse, requestFetch } from '../../../src/event-store/kafka/fetch-response.ts'
import { keyBytesOf, recordsOf, valueBytesOf } from '../../../src/event-store/kafka/record-batch.ts'
import { suite } from '../../support/suite.ts'

/** Goal: answers of every version are decoded as kafkajs decodes them. */
const test = suite('Kafka fetch answers')

const require = createRequire(import.meta.url)
const Encoder = require('kafkajs/src/protocol/encoder')
const Record = require('kafkajs/src/protocol/recordBatch/record/v0')
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0')

const records = [
  { key: Buffer.from('AAPL'), value: Buffer.from('{"a":"☃"}'), offsetDelta: 0 },
  { key: null, value: Buffer.from('x'), offsetDelta: 1 },
  { key: Buffer.from('MSFT'), value: null, offsetDelta: 4 },
]

async function answer(version: number): Promise<Buffer> {
  const { buffer: batch } = await RecordBatch({
    firstTimestamp: 1_763_645_400_000,
    lastOffsetDelta: 4,
    records: records.map(Record),
  })
  const partition = (number: number, aborted: readonly number[], bytes: Buffer) => {
    const encoder = new Encoder().writeInt32(number).writeInt16(0).writeInt64(9).writeInt64(8)
    if (version >= 5) encoder.writeInt64(0)
    encoder.writeInt32(aborted.length)
    for (const first of aborted) encoder.writeInt64(7).writeInt64(first)
    if (version >= 11) encoder.writeInt32(-1)
    return encoder.writeBytes(bytes)
  }
  const encoder = new Encoder().writeInt32(25)
  if (version >= 7) encoder.writeInt16(0).writeInt32(0)
  encoder
    .writeInt32(1)
    .writeString('trades')
    .writeInt32(3)
    .writeEncoder(partition(4, [], Buffer.concat([batch, batch])))
    .writeEncoder(partition(1, [3, 12], batch))
    .writeEncoder(partition(2, [], Buffer.alloc(0)))
  return encoder.buffer
}

/** Answers a fetch as a broker of kafkajs does: by the request that it has looked up. */
const fakeBroker = (version: number, bytes: Buffer) => ({
  lookupRequest: () => () => ({
    request: { apiVersion: version },
    response: {
      decode: async (_bytes: Buffer): Promise<unknown> => assert.unreachable(),
      parse: async (data: unknown) => data,
    },
  }),
  async fetch() {
    const { response } = this.lookupRequest()()
    return response.parse(await response.decode(bytes))
  },
})

type Message = Readonly<Record<'offset' | 'timestamp', string | number>> &
  Readonly<Record<'key' | 'value', Buffer | null>>

const compared = ({ offset, timestamp, key, value }: Message) => [
  String(offset),
  String(timestamp),
  key,
  value,
]

type OfKafkajs = Pick<FetchResponse, 'throttleTime' | 'clientSideThrottleTime'> &
  Readonly<{ responses: readonly Readonly<{ topicName: string; partitions: PartitionOf[] }>[] }>

type PartitionOf = Readonly<{
  partition: number
  errorCode: number
  abortedTransactions: readonly Readonly<Record<'producerId' | 'firstOffset', string>>[]
  messages: readonly Message[]
}>

const ofKafkajs = ({ responses, ...answer }: OfKafkajs) => [
  answer.throttleTime,
  answer.clientSideThrottleTime,
  responses.flatMap(({ topicName, partitions }) =>
    partitions.map(({ partition, errorCode, abortedTransactions, messages }) => [
      [topicName, partition, errorCode],
      abortedTransactions.map(({ producerId, firstOffset }) => `${producerId} ${firstOffset}`),
      messages.map(compared),
    ]),
  ),
]

const ofOurs = ({ responses, ...answer }: FetchResponse) => [
  answer.throttleTime,
  answer.clientSideThrottleTime,
  responses.flatMap(({ topicName, partitions }) =>
    partitions.map(({ partition, errorCode, abortedTransactions, batches }) => [
      [topicName, partition, errorCode],
      abortedTransactions.map(({ producerId, first }) => `${producerId} ${first}`),
      batches
        .flatMap((batch) => recordsOf(batch, 0))
        .map((record) => ({ ...record, key: keyBytesOf(record), value: valueBytesOf(record) }))
        .map(compared),
    ]),
  ),
]

for (const version of [4, 5, 6, 7, 8, 9, 10, 11]) {
  test(`version ${version}`, async () => {
    const bytes = await answer(version)
    const broker = fakeBroker(version, bytes) as unknown as Broker
    const { decode } = require(`kafkajs/src/protocol/requests/fetch/v${version}/response`)
    const expected: OfKafkajs = await decode(bytes)
    assert.is(expected.responses[0]?.partitions[0]?.messages.length, 6)
    assert.equal(ofOurs(await requestFetch(broker, { topics: [] })), ofKafkajs(expected))
  })
}

test.run()
