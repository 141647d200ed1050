import { TradelogError } from '../../domain/errors.ts'
import { decodeEvent } from '../../domain/event.ts'
import {
  keptEvent,
  keyOfEvent,
  type LogRecord,
  type RawRecord,
} from '../../domain/recorded-event.ts'
import type { UnixMs } from '../../domain/time.ts'

/** Consecutive records of one partition, stored as one text. */
export type NewBlock = Readonly<{ partition: number; count: number; text: string }>

/**
 * `append` is the id of the append that writes the block, so that a retry recognises it. The values
 * may be any JSON: a log also keeps events that this code can't read.
 */
export const encodeBlock = (
  partition: number,
  values: readonly unknown[],
  { append, recordedAt }: { append: string; recordedAt: UnixMs },
): NewBlock => ({
  partition,
  count: values.length,
  text: JSON.stringify({ append, recordedAt, events: values }),
})

export function decodeBlock(
  partition: number,
  first: number,
  text: string | undefined,
): readonly LogRecord[] {
  const { recordedAt, events } = parseBlock(partition, first, text)
  return Object.freeze(
    events.map((value, i) => ({
      partition,
      offset: first + i,
      recordedAt,
      event: decodeEvent(value),
    })),
  )
}

/** The records of a block, unchanged. */
export function decodeRawBlock(
  partition: number,
  first: number,
  text: string | undefined,
): readonly RawRecord[] {
  const { recordedAt, events } = parseBlock(partition, first, text)
  return events.map((value, i) => {
    const offset = first + i
    return { partition, offset, recordedAt, key: keyOfEvent(value), value: JSON.stringify(value) }
  })
}

/** The value of a record of another log. Refuses one that would not come back unchanged. */
export function valueOfRaw(record: RawRecord): unknown {
  const kept = keptEvent(record)
  if ('event' in kept) return kept.event
  const { partition, offset } = record
  throw new TradelogError(
    'COPY_REFUSED',
    `the record at partition ${partition}, offset ${offset} can't be kept by an embedded log: ${kept.fault}`,
    { fields: { partition, offset } },
  )
}

/** A damaged block must not be skipped, and no retry repairs it. */
export const damagedLog = (partition: number, offset: number, cause?: unknown) =>
  new TradelogError(
    'EVENT_STORE_REFUSED',
    `the log is damaged at partition ${partition}, offset ${offset}; restore its directory from a backup`,
    { cause, fields: { partition, offset } },
  )

/**
 * Keeps decoded blocks, since several read models read the same end of the log. Evicts the least
 * recently used ones when they hold more than `eventsMax` events.
 */
export function createBlockCache(eventsMax: number) {
  const blocks = new Map<string, readonly LogRecord[]>()
  let size = 0
  return (partition: number, first: number, load: () => readonly LogRecord[]) => {
    const key = `${partition}:${first}`
    const block = blocks.get(key) ?? load()
    if (blocks.delete(key)) size -= block.length
    blocks.set(key, block)
    size += block.length
    for (const [oldest, { length }] of blocks) {
      if (size <= eventsMax) break
      blocks.delete(oldest)
      size -= length
    }
    return block
  }
}

function parseBlock(
  partition: number,
  first: number,
  text: string | undefined,
): { recordedAt: UnixMs; events: readonly unknown[] } {
  try {
    const block = JSON.parse(text ?? '')
    if (Array.isArray(block.events)) return block
  } catch (error) {
    throw damagedLog(partition, first, error)
  }
  throw damagedLog(partition, first)
}
