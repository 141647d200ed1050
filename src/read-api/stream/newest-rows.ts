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
  /** Only of a candle. It may change while the guard doesn't: it comes from another read model. */
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
 * position is ignored, so a generation or a copy that is behind never shows. The exception is the
 * same version with another `complete`.
 */
export function newestRows(event: string) {
  const rows = new Map<string, LiveRow>()
  let upTo: Positions = new Map()

  const take = (fresh: readonly FreshRow[], positions: Positions): PollResult => {
    if (isOtherLog(upTo, positions)) rows.clear()
    upTo = positions
    const changed: LiveRow[] = []
    for (const { shown, ...version } of fresh) {
      const known = rows.get(version.key)
      if (!isNewer(version.guard, known?.guard) && !isRevised(version, known)) continue
      const text = `event: ${event}\ndata: ${JSON.stringify(shown())}\n\n`
      const row = { ...version, text }
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
