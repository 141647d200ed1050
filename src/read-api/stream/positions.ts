import { createHash } from 'node:crypto'
import { covers, formatGuard, parseGuard } from '../../read-model-store/guard.ts'
import type { Checkpoint, Guard } from '../../read-model-store/read-model-store.ts'

/** An offset of a partition of one very log, which `log` names: another one counts from zero. */
export type Place = Readonly<{ offset: number; log: string }>

/** By partition, how far something has got: the offset and all below it. */
export type Positions = ReadonlyMap<number, Place>

/** What is in the rows for sure, if the checkpoint was read before them. */
export const positionsOf = (checkpoint: Checkpoint): Positions =>
  new Map(
    Array.from(checkpoint)
      .filter(([, { next }]) => next > 0)
      .sort(([a], [b]) => a - b)
      .map(([partition, { next, origin }]) => [
        partition,
        { offset: next - 1, log: named(origin) },
      ]),
  )

const named = (origin: string): string =>
  createHash('sha256').update(origin).digest('hex').slice(0, 8)

/** The `id` of a stream: `0:1041:3f9a2c1b,3:7:99ab01de`. */
export const formatPositions = (positions: Positions): string =>
  Array.from(positions, ([partition, { offset, log }]) => `${partition}:${offset}:${log}`).join(',')

const entry = /^([0-9]{1,9}):([0-9]{1,16}):([0-9a-f]{8})$/

/** An id that isn't ours counts as none: the client can't do anything about it. */
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

/** What every one of them has reached. */
export const lowest = ([first = new Map(), ...others]: readonly Positions[]): Positions =>
  others.reduce(
    (low, other) => merge(inSameLog(low, other), inSameLog(other, low), Math.min),
    first,
  )

/** Where `next` leads from `sent`: never back in the same log. */
export const advance = (sent: Positions, next: Positions): Positions =>
  new Map([...sent, ...merge(next, inSameLog(sent, next), Math.max)])

/** Those of `positions` whose logs the others know too. */
export const inSameLog = (positions: Positions, others: Positions): Positions =>
  new Map(
    Array.from(positions).filter(([partition, { log }]) => others.get(partition)?.log === log),
  )

/** Whether a partition that both know is one of another log by now. */
export const isOtherLog = (before: Positions, after: Positions): boolean =>
  Array.from(before).some(([partition, { log }]) => (after.get(partition)?.log ?? log) !== log)

/** Whether a row has taken in anything beyond these positions. */
export const isAbove = (guard: Guard, positions: Positions): boolean =>
  [...parseGuard(guard)].some(
    ([partition, offset]) => offset > (positions.get(partition)?.offset ?? -1),
  )

/** Whether a row has taken in all that another version of it has, and more. */
export const isNewer = (guard: Guard, than: Guard | undefined): boolean =>
  than === undefined || (guard !== than && covers(guard, than))

/** The guard of what is made of several rows. */
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
