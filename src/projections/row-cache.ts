import type { Key } from '../read-model-store/key.ts'
import type { FoldedRow } from './fold.ts'

/** State rows kept from batch to batch, those used last. */
export type RowCache = Readonly<{
  get: (key: Key) => FoldedRow | undefined
  set: (key: Key, row: FoldedRow) => void
  /** Lets go of rows not used for long where there are many. To be called between batches. */
  age: () => void
  clear: () => void
}>

/** Keeps the `rowsMax` rows used last, and until it ages again up to as many more. */
export function createRowCache(rowsMax: number): RowCache {
  let recent = new Map<Key, FoldedRow>()
  let older = new Map<Key, FoldedRow>()
  return {
    get: (key) => {
      const row = recent.get(key)
      if (row !== undefined) return row
      const found = older.get(key)
      if (found !== undefined) recent.set(key, found)
      return found
    },
    set: (key, row) => void recent.set(key, row),
    age: () => {
      if (recent.size < rowsMax) return
      older = recent
      recent = new Map()
    },
    clear: () => {
      recent.clear()
      older.clear()
    },
  }
}
