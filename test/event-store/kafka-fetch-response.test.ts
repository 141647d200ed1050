import { createRequire } from 'node:module'
import type { Broker } from 'kafkajs'
import * as assert from 'uvu/assert'
import { type FetchResponse, requestFetch } from '../../src/event-store/kafka-fetch-response.ts'
import { keyBytesOf, recordsOf, valueBytesOf } from '../../src/event-store/kafka-record-batch.ts'
import { suite } from '../support/suite.ts'

/** Goal: the answers of every version mean what kafkajs takes them for. */
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

const answer = async (version: number): Promise<Buffer> => {
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

/** As kafkajs answers a fetch: by the request that its broker has looked up. */
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

type OfKafkajs = Readonly<{
  throttleTime: number
  clientSideThrottleTime?: number
  responses: readonly Readonly<{
    topicName: string
    partitions: readonly Readonly<{
      partition: number
      errorCode: number
      abortedTransactions: readonly Readonly<{ producerId: string; firstOffset: string }>[]
      messages: readonly Readonly<{
        offset: string
        timestamp: string
        key: Buffer | null
        value: Buffer | null
      }>[]
    }>[]
  }>[]
}>

const asKafkajs = (response: FetchResponse): OfKafkajs => {
  const { throttleTime, clientSideThrottleTime, responses } = response
  return {
    throttleTime,
    ...(clientSideThrottleTime === undefined ? {} : { clientSideThrottleTime }),
    responses: responses.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partition, errorCode, abortedTransactions, batches }) => ({
        partition,
        errorCode,
        abortedTransactions: abortedTransactions.map(({ producerId, first }) => ({
          producerId: `${producerId}`,
          firstOffset: `${first}`,
        })),
        messages: batches.flatMap((batch) =>
          [...recordsOf(batch, 0)].map((record) => ({
            offset: `${record.offset}`,
            timestamp: `${record.timestamp}`,
            key: keyBytesOf(record),
            value: valueBytesOf(record),
          })),
        ),
      })),
    })),
  }
}

/** What of kafkajs' answer is compared. */
const comparable = ({ throttleTime, clientSideThrottleTime, responses }: OfKafkajs): OfKafkajs => ({
  throttleTime,
  ...(clientSideThrottleTime === undefined ? {} : { clientSideThrottleTime }),
  responses: responses.map(({ topicName, partitions }) => ({
    topicName,
    partitions: partitions.map(({ partition, errorCode, abortedTransactions, messages }) => ({
      partition,
      errorCode,
      abortedTransactions,
      messages: messages.map(({ offset, timestamp, key, value }) => ({
        offset,
        timestamp,
        key,
        value,
      })),
    })),
  })),
})

for (const version of [4, 5, 6, 7, 8, 9, 10, 11]) {
  test(`version ${version}`, async () => {
    const bytes = await answer(version)
    const broker = fakeBroker(version, bytes) as unknown as Broker
    const { decode } = require(`kafkajs/src/protocol/requests/fetch/v${version}/response`)
    const expected = comparable(await decode(bytes))
    assert.is(expected.responses[0]?.partitions[0]?.messages.length, 6)
    const response = await requestFetch(broker, { topics: [] })
    assert.equal(asKafkajs(response), expected)
  })
}

test.run()
