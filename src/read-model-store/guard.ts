import type { Guard } from './read-model-store.ts'

/** The last offset of a partition that a row has taken in; −1 where it has taken none. */
export const lastOffset = (guard: Guard | null, partition: number): number =>
  parse(guard).find(([from]) => from === partition)?.[1] ?? -1

/** The guard after a row has taken in a partition up to this offset. */
export function advanceGuard(guard: Guard | null, partition: number, offset: number): Guard {
  const others = parse(guard).filter(([from]) => from !== partition)
  const all = [...others, [partition, offset] as const].sort(([a], [b]) => a - b)
  return all.map((entry) => entry.join(':')).join(',')
}

/** Whether a row has taken in all that another guard says, or more. */
export const covers = (guard: Guard | null, other: Guard): boolean =>
  parse(other).every(([partition, offset]) => lastOffset(guard, partition) >= offset)

const parse = (guard: Guard | null): (readonly [number, number])[] =>
  guard === null
    ? []
    : guard.split(',').map((entry) => {
        const [partition = '', offset = ''] = entry.split(':')
        return [Number(partition), Number(offset)] as const
      })
