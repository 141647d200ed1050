import type { UnixMs } from '../../domain/time.ts'
import type { Guard } from '../../read-model-store/read-model-store.ts'
import { isNewer, isOtherLog, type Positions } from './positions.ts'

/** A row as it was just read. */
export type FreshRow = Readonly<{
  key: string
  symbol: string
  /** When a tick's last trade was made, or a candle started. */
  at: UnixMs
  guard: Guard
  /** Of a candle; it may change while the guard doesn't, as another read model says it. */
  complete?: boolean | null
  shown: () => unknown
}>

/** A row as it is sent; its text is made once, for all clients. */
export type LiveRow = Omit<FreshRow, 'shown'> & Readonly<{ text: string }>

/** What one poll has found. */
export type PollResult = Readonly<{
  changed: readonly LiveRow[]
  all: ReadonlyMap<string, LiveRow>
  /** Everything up to here is in `all`. */
  upTo: Positions
}>

/**
 * The newest version of each row that any poll has found. A row that is read again at or below its
 * position is passed over, so a generation or a copy that is behind never shows, unless it is only
 * known better whether it is complete.
 */
export function newestRows(event: string) {
  const rows = new Map<string, LiveRow>()
  let upTo: Positions = new Map()

  const take = (fresh: readonly FreshRow[], positions: Positions): PollResult => {
    if (isOtherLog(upTo, positions)) rows.clear()
    upTo = positions
    const changed: LiveRow[] = []
    for (const { shown, ...place } of fresh) {
      const known = rows.get(place.key)
      if (!isNewer(place.guard, known?.guard) && !isRevised(place, known)) continue
      const text = `event: ${event}\ndata: ${JSON.stringify(shown())}\n\n`
      const row = { ...place, text }
      rows.set(row.key, row)
      changed.push(row)
    }
    return { changed, all: rows, upTo }
  }
  const keepOnly = (keys: ReadonlySet<string>): void => {
    for (const key of rows.keys()) if (!keys.has(key)) rows.delete(key)
  }
  /** For a poll that found nothing, or failed. */
  const unchanged = (): PollResult => ({ changed: [], all: rows, upTo })

  return { take, keepOnly, unchanged }
}

const isRevised = (
  { guard, complete }: Pick<FreshRow, 'guard' | 'complete'>,
  known: LiveRow | undefined,
): boolean => guard === known?.guard && complete !== known.complete
