import { isUtf8 } from 'node:buffer'
import { TradelogError } from '../../domain/errors.ts'
import { decodeEvent, type TradelogEvent, type UnreadableEvent } from '../../domain/event.ts'
import type { LogRecord, RawRecord } from '../../domain/recorded-event.ts'
import type { Slice } from '../event-store.ts'
import type { Chunk } from './fetch.ts'
import {
  type KafkaRecord,
  keyBytesOf,
  recordsOf,
  valueBytesOf,
  valueTextOf,
} from './record-batch.ts'

/**
 * Splits a chunk into slices of at most `batchEventsMax` events, decoded on demand. Unused offsets
 * belong to the slice of the record after them, those at the end of the chunk to the last slice.
 */
export function* slicesOf(chunk: Chunk, batchEventsMax: number): Generator<Slice> {
  const { partition } = chunk
  for (const { from, to, records } of partsOf(chunk, batchEventsMax, logRecord)) {
    yield { partition, from, to, events: records }
  }
}

/** The records of a chunk, their values unparsed, in lists of at most `recordsMax`. */
export function* rawParts(chunk: Chunk, recordsMax: number): Generator<readonly RawRecord[]> {
  for (const { records } of partsOf(chunk, recordsMax, rawRecord)) yield records
}

type Part<T> = Readonly<{ from: number; to: number; records: readonly T[] }>

function* partsOf<T>(
  { partition, from, to, batches }: Chunk,
  recordsMax: number,
  decode: (partition: number, record: KafkaRecord) => T,
): Generator<Part<T>> {
  let begin = from
  let next = from
  let records: T[] = []
  for (const batch of batches) {
    for (const record of recordsOf(batch, from)) {
      if (record.offset >= to) break
      if (records.length === recordsMax) {
        yield { from: begin, to: next, records }
        begin = next
        records = []
      }
      records.push(decode(partition, record))
      next = record.offset + 1
    }
  }
  yield { from: begin, to, records }
}

/** The part of a chunk below an offset. */
export const endBefore = (chunk: Chunk, end: number): Chunk => ({
  ...chunk,
  to: Math.min(chunk.to, end),
})

const logRecord = (partition: number, record: KafkaRecord): LogRecord => ({
  partition,
  offset: record.offset,
  recordedAt: record.timestamp,
  event: eventOf(record),
})

/** Throws if key or value isn't text: only text can be copied unchanged. */
const rawRecord = (partition: number, record: KafkaRecord): RawRecord => ({
  partition,
  offset: record.offset,
  recordedAt: record.timestamp,
  key: textOf(partition, record, keyBytesOf(record)),
  value: textOf(partition, record, valueBytesOf(record)),
})

function textOf(partition: number, { offset }: KafkaRecord, bytes: Buffer | null) {
  if (bytes === null) return null
  if (isUtf8(bytes)) return bytes.toString('utf8')
  throw new TradelogError(
    'COPY_REFUSED',
    `the record at partition ${partition}, offset ${offset} isn't UTF-8`,
    { fields: { partition, offset } },
  )
}

function eventOf(record: KafkaRecord): TradelogEvent | UnreadableEvent {
  const value = valueTextOf(record)
  if (value === null) return { type: 'Unreadable', reason: 'no value' }
  let parsed: unknown
  try {
    parsed = JSON.parse(value)
  } catch {
    return { type: 'Unreadable', reason: 'not JSON' }
  }
  return decodeEvent(parsed)
}
