import { isUtf8 } from 'node:buffer'
import { TradelogError } from '../domain/errors.ts'
import { decodeEvent, type TradelogEvent, type UnreadableEvent } from '../domain/event.ts'
import type { LogRecord, RawRecord } from '../domain/recorded-event.ts'
import type { Slice } from './event-store.ts'
import type { Chunk, KafkaRecord } from './kafka-fetch.ts'

/**
 * A chunk in slices of at most `batchEventsMax` events. What the log leaves out between two
 * records belongs to the slice after it, and at the end of the chunk to the last one.
 */
export function* slicesOf(chunk: Chunk, batchEventsMax: number): Generator<Slice> {
  const { partition, records } = chunk
  let from = chunk.from
  for (let begin = 0; begin === 0 || begin < records.length; begin += batchEventsMax) {
    const end = begin + batchEventsMax
    const events = records.slice(begin, end).map((record) => logRecord(partition, record))
    const to = end < records.length ? (events.at(-1)?.offset ?? from) + 1 : chunk.to
    yield { partition, from, to, events }
    from = to
  }
}

/** The part of a chunk below an offset. */
export const endBefore = (chunk: Chunk, end: number): Chunk =>
  chunk.to <= end
    ? chunk
    : { ...chunk, to: end, records: chunk.records.filter(({ offset }) => Number(offset) < end) }

export const logRecord = (partition: number, record: KafkaRecord): LogRecord => ({
  partition,
  offset: Number(record.offset),
  recordedAt: Number(record.timestamp),
  event: eventOf(record),
})

/** Only text can be copied as it is. */
export const rawRecord = (partition: number, record: KafkaRecord): RawRecord => ({
  partition,
  offset: Number(record.offset),
  recordedAt: Number(record.timestamp),
  key: textOf(partition, record, record.key),
  value: textOf(partition, record, record.value),
})

const textOf = (partition: number, { offset }: KafkaRecord, bytes: Buffer | null) => {
  if (bytes === null) return null
  if (isUtf8(bytes)) return bytes.toString('utf8')
  throw new TradelogError(
    'COPY_REFUSED',
    `the record at partition ${partition}, offset ${offset} isn't UTF-8`,
    { fields: { partition, offset: Number(offset) } },
  )
}

const eventOf = ({ value }: KafkaRecord): TradelogEvent | UnreadableEvent => {
  if (value === null) return { type: 'Unreadable', reason: 'no value' }
  let parsed: unknown
  try {
    parsed = JSON.parse(value.toString('utf8'))
  } catch {
    return { type: 'Unreadable', reason: 'not JSON' }
  }
  return decodeEvent(parsed)
}
