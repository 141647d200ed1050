import { createRequire } from 'node:module'
import fc from 'fast-check'
import kafkajs from 'kafkajs'
import * as assert from 'uvu/assert'
import { hasCode } from '../../../src/domain/errors.ts'
import {
  decodeBatches,
  keyBytesOf,
  recordsOf,
  valueBytesOf,
  valueTextOf,
} from '../../../src/event-store/kafka/record-batch.ts'
import { rejection } from '../../contracts/event-store-reader.ts'
import { suite } from '../../support/suite.ts'

const test = suite('Kafka record batches')

const require = createRequire(import.meta.url)
const Record = require('kafkajs/src/protocol/recordBatch/record/v0')
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0')
const Long = require('kafkajs/src/utils/long')

type Sent = Readonly<{
  timestampDelta: number
  offsetDelta: number
  key: Buffer | null
  value: Buffer | null
  headers: Readonly<{ [name: string]: string }>
}>

type SentBatch = Readonly<{
  firstOffset: number
  firstTimestamp: number
  compression: number
  producerId: number
  transactional: boolean
  records: readonly Sent[]
}>

/** As kafkajs sends it, with an offset such as only a broker assigns. */
async function encoded(batch: SentBatch): Promise<Buffer> {
  const { firstOffset, firstTimestamp, producerId, records } = batch
  const { buffer } = await RecordBatch({
    ...batch,
    firstOffset: Long.fromNumber(firstOffset),
    firstTimestamp: Long.fromNumber(firstTimestamp),
    maxTimestamp: Long.fromNumber(firstTimestamp + 9_999),
    producerId: Long.fromNumber(producerId),
    lastOffsetDelta: records.at(-1)?.offsetDelta ?? 0,
    records: records.map((record) =>
      Record({ ...record, timestampDelta: Long.fromNumber(record.timestampDelta) }),
    ),
  })
  return buffer
}

const bytes = fc.option(fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)))

const records = fc
  .array(
    fc.record({
      timestampDelta: fc.integer({ min: -100_000, max: 2 ** 40 }),
      gap: fc.integer({ min: 1, max: 100_000 }),
      key: bytes,
      value: bytes,
      headers: fc.dictionary(fc.string(), fc.string(), { maxKeys: 2 }),
    }),
    { minLength: 1, maxLength: 20 },
  )
  .map((all) => {
    let offset = -1
    return all.map(({ gap, ...record }) => {
      offset = offset < 0 ? 0 : offset + gap
      return { ...record, offsetDelta: offset }
    })
  })

const batch: fc.Arbitrary<SentBatch> = fc.record({
  firstOffset: fc.integer({ min: 0, max: 2 ** 45 }),
  firstTimestamp: fc.integer({ min: 0, max: 2 ** 42 }),
  compression: fc.constantFrom(kafkajs.CompressionTypes.None, kafkajs.CompressionTypes.GZIP),
  producerId: fc.integer({ min: -1, max: 2 ** 50 }),
  transactional: fc.boolean(),
  records,
})

const received = (decoded: Awaited<ReturnType<typeof decodeBatches>>, from = 0) =>
  decoded.flatMap((each) =>
    [...recordsOf(each, from)].map((record) => ({
      offset: record.offset,
      timestamp: record.timestamp,
      key: keyBytesOf(record),
      value: valueBytesOf(record),
    })),
  )

const sent = (batches: readonly SentBatch[]) =>
  batches.flatMap(({ firstOffset, firstTimestamp, records }) =>
    records.map(({ offsetDelta, timestampDelta, key, value }) => ({
      offset: firstOffset + offsetDelta,
      timestamp: firstTimestamp + timestampDelta,
      key,
      value,
    })),
  )

test('decodes what kafkajs encodes, whole batches only, from any offset on', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(batch, { minLength: 1, maxLength: 3 }),
      fc.nat(),
      async (batches, cut) => {
        const parts = await Promise.all(batches.map(encoded))
        const all = Buffer.concat(parts)
        const decoded = await decodeBatches(all)
        assert.equal(received(decoded), sent(batches))
        assert.equal(
          decoded.map(({ producerId, isTransactional, isControl, last }) => ({
            producerId: Number(producerId),
            isTransactional,
            isControl,
            last,
          })),
          batches.map(({ producerId, transactional, firstOffset, records }) => ({
            producerId,
            isTransactional: transactional,
            isControl: false,
            last: firstOffset + (records.at(-1)?.offsetDelta ?? 0),
          })),
        )
        const length = cut % all.length
        let whole = 0
        for (let end = 0; whole < parts.length; whole++) {
          end += parts[whole]?.length ?? 0
          if (end > length) break
        }
        const rest = await decodeBatches(all.subarray(0, length))
        assert.equal(received(rest), sent(batches.slice(0, whole)))
        const from = (batches[0]?.firstOffset ?? 0) + 1
        assert.equal(
          received(decoded, from),
          sent(batches).filter(({ offset }) => offset >= from),
        )
      },
    ),
  ))

const one = (value: string): SentBatch => ({
  firstOffset: 7,
  firstTimestamp: 1_000,
  compression: kafkajs.CompressionTypes.None,
  producerId: 1,
  transactional: false,
  records: [
    { offsetDelta: 0, timestampDelta: 0, key: null, value: Buffer.from(value), headers: {} },
  ],
})

/** Where the attributes of a batch begin. */
const attributesAt = 21

test('if the topic uses the clock of the broker, every record has that time', async () => {
  const buffer = await encoded(one('x'))
  buffer.writeInt16BE(0x08, attributesAt)
  const [record] = received(await decodeBatches(buffer))
  assert.is(record?.timestamp, 10_999)
})

test('a value is read as UTF-8', async () => {
  const [decoded] = await decodeBatches(await encoded(one('15 € für ☃')))
  assert.ok(decoded)
  const [record] = recordsOf(decoded, 0)
  assert.ok(record)
  assert.is(valueTextOf(record), '15 € für ☃')
})

/** Each overwrites a byte of a batch: 0x7e is 63 as a number of variable length. */
const damages: readonly (readonly [what: string, at: number, byte: number])[] = [
  ['a record longer than its batch', 61, 0x7e],
  ['a record of negative length', 61, 0x7f],
  ['a key longer than its record', 65, 0x7e],
  ['a value longer than its record', 66, 0x7e],
  ['more records than there are', 60, 2],
]

for (const [what, at, byte] of damages) {
  test(`${what} is an error`, async () => {
    const buffer = await encoded(one('a value'))
    buffer[at] = byte
    const error = await rejection(async () => received(await decodeBatches(buffer)))
    assert.ok(hasCode(error, 'EVENT_STORE_UNAVAILABLE'), `${error}`)
  })
}

test('records of an older form are refused', async () => {
  const buffer = await encoded(one('a value'))
  buffer[16] = 1
  const error = await rejection(() => decodeBatches(buffer))
  assert.ok(hasCode(error, 'EVENT_STORE_REFUSED'), `${error}`)
})

test('records in a missing codec are unreadable, as kafkajs says', async () => {
  const buffer = await encoded(one('x'))
  buffer.writeInt16BE(kafkajs.CompressionTypes.ZSTD, attributesAt)
  const error = await rejection(() => decodeBatches(buffer))
  assert.match(String(error), 'ZSTD')
})

test.run()
