import { encodeKey } from '../../src/read-model-store/key.ts'
import type { Commit } from '../../src/read-model-store/read-model-store.ts'

export const partitions = [0, 1, 2]
export const batchEvents = 20

export const rowKey = (partition: number, n: number) => encodeKey([`S${partition}`, n])

/** The rows of one batch: events of a series, or the same few rows of a state again and again. */
export function rowsToCommit(
  kind: string,
  partition: number,
  from: number,
  to: number,
): Commit['rows'] {
  const numbers = Array.from({ length: batchEvents }, (_, n) => n)
  const text = 'x'.repeat(200)
  if (kind === 'series') {
    const write = (n: number) => ({
      key: rowKey(partition, from + n),
      value: { n: from + n, text },
    })
    return { kind, writes: numbers.map(write) }
  }
  const write = (n: number) => ({
    key: rowKey(partition, n),
    value: { to, text: 'x'.repeat(4 * to) },
    guard: `${partition}:${to - 1}`,
    count: to / batchEvents,
    expected: from === 0 ? null : `${partition}:${from - 1}`,
  })
  return { kind: 'state', writes: numbers.map(write) }
}
