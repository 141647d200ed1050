import type { Row, SeriesWrite, StateWrite, StoredRow } from '../read-model-store.ts'

/**
 * A row as people query it: its fields at the top, its key as `_id` (a text, since MongoDB sorts
 * texts by bytes and binary values by length first).
 */
export type RowDocument = Row & {
  _id: string
  /** State rows only: see `Guard`, and how many events are in the row. */
  _guard?: string
  _count?: number
}

export const documentOfSeries = ({ key, value }: SeriesWrite): RowDocument => ({
  _id: key,
  ...value,
})

export const documentOfState = ({ key, value, guard, count }: StateWrite): RowDocument => ({
  _id: key,
  ...value,
  _guard: guard,
  _count: count,
})

export const storedRow = ({ _id, _guard, _count, ...value }: RowDocument): StoredRow => ({
  key: _id,
  value,
  guard: _guard ?? null,
  count: _count ?? null,
})
