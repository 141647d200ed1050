import { createHash } from 'node:crypto'
import { covers, formatGuard, parseGuard } from '../../read-model-store/guard.ts'
import type { Checkpoint, Guard } from '../../read-model-store/read-model-store.ts'

/** An offset, and the name of the log it belongs to: offsets of two logs can't be compared. */
type LogOffset = Readonly<{ offset: number; log: string }>

/** By partition, how far something has got: the offset and all below it. */
export type Positions = ReadonlyMap<number, LogOffset>

/** What the rows contain at least, if the checkpoint was read before them. */
export const positionsOf = (checkpoint: Checkpoint): Positions =>
  new Map(
    Array.from(checkpoint)
      .filter(([, { next }]) => next > 0)
      .sort(([a], [b]) => a - b)
      .map(([partition, { next, origin }]) => [
        partition,
        { offset: next - 1, log: logName(origin) },
      ]),
  )

const logName = (origin: string): string =>
  createHash('sha256').update(origin).digest('hex').slice(0, 8)

/** The `id` of a stream: `0:1041:3f9a2c1b,3:7:99ab01de`. */
export const formatPositions = (positions: Positions): string =>
  Array.from(positions, ([partition, { offset, log }]) => `${partition}:${offset}:${log}`).join(',')

const entry = /^([0-9]{1,9}):([0-9]{1,16}):([0-9a-f]{8})$/

/** A foreign id counts as no id, since the client could do nothing about an error. */
export function parsePositions(id: string): Positions {
  const entries = id.split(',').map((text) => entry.exec(text))
  if (entries.includes(null)) return new Map()
  return new Map(
    entries.map((match) => {
      const [, partition, offset, log = ''] = match ?? []
      return [Number(partition), { offset: Number(offset), log }]
    }),
  )
}

/** What all of them have reached. */
export const lowest = ([first = new Map(), ...others]: readonly Positions[]): Positions =>
  others.reduce(
    (low, other) => merge(inSameLog(low, other), inSameLog(other, low), Math.min),
    first,
  )

/** Moves `sent` on to `next`, but never back in the same log. */
export const advance = (sent: Positions, next: Positions): Positions =>
  new Map([...sent, ...merge(next, inSameLog(sent, next), Math.max)])

/** Those of `positions` that are in the same log as the other of their partition. */
export const inSameLog = (positions: Positions, others: Positions): Positions =>
  new Map(
    Array.from(positions).filter(([partition, { log }]) => others.get(partition)?.log === log),
  )

/** Whether positions lie beyond others of the same log, or in partitions that those lack. */
export const isBeyond = (positions: Positions, others: Positions): boolean =>
  Array.from(positions).some(([partition, { offset, log }]) => {
    const other = others.get(partition)
    return other === undefined || (other.log === log && other.offset < offset)
  })

/** Whether a partition in both of them belongs to another log afterwards. */
export const isOtherLog = (before: Positions, after: Positions): boolean =>
  Array.from(before).some(([partition, { log }]) => (after.get(partition)?.log ?? log) !== log)

/** Whether anything beyond these positions has been applied to a row. */
export const isAbove = (guard: Guard, positions: Positions): boolean =>
  [...parseGuard(guard)].some(
    ([partition, offset]) => offset > (positions.get(partition)?.offset ?? -1),
  )

/** Whether all of another version, and more, has been applied to a row. */
export const isNewer = (guard: Guard, than: Guard | undefined): boolean =>
  than === undefined || (guard !== than && covers(guard, than))

/** The guard of something made of several rows. */
export function mergeGuards(guards: readonly Guard[]): Guard {
  const offsets = new Map<number, number>()
  for (const [partition, offset] of guards.flatMap((guard) => [...parseGuard(guard)])) {
    offsets.set(partition, Math.max(offset, offsets.get(partition) ?? -1))
  }
  return formatGuard(offsets)
}

const merge = (
  positions: Positions,
  others: Positions,
  choose: (a: number, b: number) => number,
): Positions =>
  new Map(
    Array.from(positions, ([partition, { offset, log }]) => [
      partition,
      { offset: choose(offset, others.get(partition)?.offset ?? offset), log },
    ]),
  )
