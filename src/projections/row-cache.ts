import type { Key } from '../read-model-store/key.ts'
import type { FoldedRow } from './fold.ts'

/** The most recently used state rows, kept from batch to batch. */
type RowCache = Readonly<{
  get: (key: Key) => FoldedRow | undefined
  set: (key: Key, row: FoldedRow) => void
  /** Evicts the least recently used rows once the cache is full. To be called between batches. */
  evict: () => void
  clear: () => void
}>

/** Keeps the `rowsMax` rows used last, and up to as many more until the next `evict`. */
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
    evict: () => {
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
