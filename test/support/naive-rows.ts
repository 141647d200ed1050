import type { RecordedEvent } from '../../src/domain/recorded-event.ts'
import { encodeKey, type Key } from '../../src/read-model-store/key.ts'
import type { Row } from '../../src/read-model-store/read-model-store.ts'
import { naiveFolds } from '../../src/verify/folds/index.ts'
import type { NaiveRow, NaiveState } from '../../src/verify/folds/naive-fold.ts'

/** The rows that the naive fold of a model makes of events, in the order of the keys. */
export function naiveRows(
  name: string,
  events: readonly RecordedEvent[],
): readonly (readonly [Key, Row])[] {
  const fold = naiveFolds.find(({ model }) => model === name)
  if (fold === undefined) throw new Error(`no naive fold for ${name} in src/verify/folds`)
  const named = events.filter(({ event }) => fold.events.includes(event.type))
  const rows =
    fold.kind === 'series'
      ? named.map((recorded) => [encodeKey(fold.key(recorded)), fold.row(recorded)] as const)
      : stateRows(fold, named)
  return rows.toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

function stateRows(fold: NaiveState, events: readonly RecordedEvent[]) {
  const rows = new Map<Key, NaiveRow>()
  for (const recorded of events) {
    for (const parts of fold.keys(recorded)) {
      const key = encodeKey(parts)
      const row = rows.get(key) ?? fold.start(parts)
      rows.set(key, row)
      row.add(recorded)
    }
  }
  return Array.from(rows, ([key, row]) => [key, row.row()] as const)
}
