import { decodeEvent, type TradelogEvent, type UnreadableEvent } from '../domain/event.ts'
import type { LogRecord } from '../domain/recorded-event.ts'
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
