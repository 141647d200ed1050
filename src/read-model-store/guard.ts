import type { Guard } from './read-model-store.ts'

/** By partition, the last offset that a row has taken in. */
export function parseGuard(guard: Guard | null): Map<number, number> {
  const offsets = new Map<number, number>()
  for (const entry of guard?.split(',') ?? []) {
    const [partition, offset] = entry.split(':')
    if (offset !== undefined) offsets.set(Number(partition), Number(offset))
  }
  return offsets
}

export const formatGuard = (offsets: ReadonlyMap<number, number>): Guard =>
  [...offsets]
    .sort(([a], [b]) => a - b)
    .map((entry) => entry.join(':'))
    .join(',')

/** The last offset of a partition that a row has taken in; −1 without one. */
export const lastOffset = (guard: Guard | null, partition: number): number =>
  parseGuard(guard).get(partition) ?? -1

/** The guard after a row has taken in a partition up to this offset. */
export const advanceGuard = (guard: Guard | null, partition: number, offset: number): Guard =>
  formatGuard(parseGuard(guard).set(partition, offset))

/** Whether a row has taken in all that another has, or more. */
export function covers(guard: Guard | null, other: Guard): boolean {
  const offsets = parseGuard(guard)
  return [...parseGuard(other)].every(
    ([partition, offset]) => (offsets.get(partition) ?? -1) >= offset,
  )
}
