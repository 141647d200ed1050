import kafkajs from 'kafkajs'
import { TradelogError } from '../../domain/errors.ts'
import { refused } from './errors.ts'

/**
 * A batch of records as a broker sends it (https://kafka.apache.org/documentation/#recordbatch).
 * kafkajs decodes it too, but at once makes a dozen objects of each record, which would be most of
 * the cost of reading a log.
 */
export type RecordBatch = Readonly<{
  /** Its first and last offset, even if the records there are gone. */
  first: number
  last: number
  producerId: bigint
  isTransactional: boolean
  /** It marks the end of a transaction, and holds no records of users. */
  isControl: boolean
  firstTimestamp: number
  /** The time of all its records, if the topic takes that of the broker. */
  appendedAt: number | undefined
  count: number
  /** The records, decompressed. */
  bytes: Buffer
}>

/** A record of which only offset and time are decoded yet. */
export type KafkaRecord = Readonly<{
  offset: number
  /** Unix ms. */
  timestamp: number
  bytes: Buffer
  /** Where key and value begin in the bytes; negative if absent. */
  keyAt: number
  keyEnd: number
  valueAt: number
  valueEnd: number
}>

/** The header of a batch; its first twelve bytes are the first offset and the length. */
const headBytes = 61
const lengthBytes = 12
const magicAt = 16
const magic = 2

const attribute = { codec: 0x07, appendTime: 0x08, transactional: 0x10, control: 0x20 } as const

/** Decodes all whole batches. If a broker's answer is full, its last batch is cut off. */
export async function decodeBatches(bytes: Buffer): Promise<readonly RecordBatch[]> {
  const batches: RecordBatch[] = []
  let at = 0
  while (at + headBytes <= bytes.length) {
    const end = at + lengthBytes + bytes.readInt32BE(at + 8)
    if (end > bytes.length) break
    batches.push(await decodeBatch(bytes.subarray(at, end)))
    at = end
  }
  return batches
}

async function decodeBatch(bytes: Buffer): Promise<RecordBatch> {
  if (bytes.length < headBytes) throw damaged()
  if (bytes.readInt8(magicAt) !== magic) {
    throw refused('the topic holds records from before Kafka 0.11; set kafka.topic to another one')
  }
  const first = Number(bytes.readBigInt64BE(0))
  const attributes = bytes.readInt16BE(21)
  const isAppendTime = (attributes & attribute.appendTime) !== 0
  return {
    first,
    last: first + bytes.readInt32BE(23),
    producerId: bytes.readBigInt64BE(43),
    isTransactional: (attributes & attribute.transactional) !== 0,
    isControl: (attributes & attribute.control) !== 0,
    firstTimestamp: Number(bytes.readBigInt64BE(27)),
    appendedAt: isAppendTime ? Number(bytes.readBigInt64BE(35)) : undefined,
    count: bytes.readInt32BE(57),
    bytes: await unpacked(attributes & attribute.codec, bytes.subarray(headBytes)),
  }
}

/** kafkajs brings gzip; for another codec it throws that it has no implementation. */
async function unpacked(codec: number, bytes: Buffer): Promise<Buffer> {
  if (codec === kafkajs.CompressionTypes.None) return bytes
  const make = kafkajs.CompressionCodecs[codec as keyof typeof kafkajs.CompressionCodecs]
  if (make === undefined) throw damaged()
  return make().decompress(bytes)
}

/** The records of a batch at or after an offset. */
export function recordsOf(batch: RecordBatch, from: number): readonly KafkaRecord[] {
  const { bytes, first, firstTimestamp, appendedAt } = batch
  const cursor = new Cursor(bytes)
  const records: KafkaRecord[] = []
  for (let i = 0; i < batch.count; i++) {
    const length = cursor.varint()
    const next = cursor.at + length
    // The attributes of a record are unused.
    cursor.at++
    const timestamp = firstTimestamp + cursor.varint()
    const offset = first + cursor.varint()
    const keyLength = cursor.varint()
    const keyAt = keyLength < 0 ? -1 : cursor.at
    const keyEnd = keyAt < 0 ? cursor.at : keyAt + keyLength
    cursor.at = keyEnd
    const valueLength = cursor.varint()
    const valueAt = valueLength < 0 ? -1 : cursor.at
    const valueEnd = valueAt < 0 ? cursor.at : valueAt + valueLength
    // Headers follow; no event has any.
    if (valueEnd > next || next > bytes.length) throw damaged()
    cursor.at = next
    if (offset < from) continue
    const recordedAt = appendedAt ?? timestamp
    records.push({ offset, timestamp: recordedAt, bytes, keyAt, keyEnd, valueAt, valueEnd })
  }
  return records
}

/** Null if the record has no key. */
export const keyBytesOf = ({ bytes, keyAt, keyEnd }: KafkaRecord): Buffer | null =>
  keyAt < 0 ? null : bytes.subarray(keyAt, keyEnd)

/** Null if the record has no value. */
export const valueBytesOf = ({ bytes, valueAt, valueEnd }: KafkaRecord): Buffer | null =>
  valueAt < 0 ? null : bytes.subarray(valueAt, valueEnd)

/** The value as UTF-8, decoded in place; null if the record has no value. */
export const valueTextOf = ({ bytes, valueAt, valueEnd }: KafkaRecord): string | null =>
  valueAt < 0 ? null : bytes.toString('utf8', valueAt, valueEnd)

/** Reads the numbers within a record: of variable length, in zigzag encoding. */
class Cursor {
  at = 0
  readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** Reads zeros past the end. */
  varint(): number {
    let byte = this.bytes[this.at++] ?? 0
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let value = byte & 0x7f
    for (let factor = 0x80; byte >= 0x80; factor *= 0x80) {
      byte = this.bytes[this.at++] ?? 0
      value += (byte & 0x7f) * factor
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
}

const damaged = () =>
  new TradelogError('EVENT_STORE_UNAVAILABLE', 'Kafka: a batch of records is damaged')
