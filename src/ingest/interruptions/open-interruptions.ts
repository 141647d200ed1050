import type { UnixMs } from '../../domain/time.ts'

/** A span of which trades may be missing. Without end while it goes on. */
export type Interruption = Readonly<{ from: UnixMs; until: UnixMs | null; reason: string }>

/** What has to be recorded. */
export type SymbolInterruption = Interruption & Readonly<{ symbol: string }>

/** What was refused, and of which time. */
type Refused = Readonly<{
  /** Null if that isn't known: then it may be of any symbol. */
  symbol: string | null
  from: UnixMs
  until: UnixMs
}>

/**
 * The interruptions of a feed's symbols. Each answer is what to record now, in this order. Of each
 * symbol at most one interruption is open, whatever its causes are, and it ends when all of them
 * are over. `from` and `until` of a symbol rise. There is one exception: the beginning of an open
 * interruption is recorded again, and lies earlier, if a refused trade turns out to be older.
 */
export type OpenInterruptions = Readonly<{
  /** Everything that the feed sent after `from` may be missing, until `heard`. */
  lost: (from: UnixMs, reason: string) => readonly SymbolInterruption[]
  /** The feed is heard again, since `at`. */
  heard: (at: UnixMs) => readonly SymbolInterruption[]
  /** `uptimeMs` is the time of a clock that nobody sets. */
  refused: (refused: Refused, uptimeMs: number) => readonly SymbolInterruption[]
  /** To be called when a trade was taken, or the feed has pinged: refusals end after a while. */
  works: (uptimeMs: number) => readonly SymbolInterruption[]
  /** The latest one that was of all symbols, if there was one. */
  latest: () => Interruption | undefined
}>

type Options = Readonly<{
  symbols: readonly string[]
  /** The feed is heard since then, and all symbols are told to be interrupted before. */
  heardSince: UnixMs
  /** Refusals are over if there were none for so long. */
  lastingMs: number
}>

export const tradesRefused = 'trades refused'

/** What was recorded of a symbol. */
type Track = {
  /** When the latest that is over ended: none begins before. */
  endedAt: UnixMs
  open: Open | undefined
}

type Open = Readonly<{
  from: UnixMs
  /** The earliest beginning that was recorded. */
  earliest: UnixMs
  /** It ends no earlier. */
  until: UnixMs
  reason: string
}>

export function openInterruptions({ symbols, heardSince, lastingMs }: Options): OpenInterruptions {
  const tracks = new Map(symbols.map((symbol) => [symbol, newTrack(heardSince)]))
  const whole = trackWhole(heardSince)
  let isLost = false
  let allRefusedAt: number | undefined
  /** By symbol, in the order of the latest refusals. */
  const refusedAt = new Map<string, number>()

  const coverAll = (span: Covered): SymbolInterruption[] => {
    const toldFrom = whole.cover(span)
    if (toldFrom === undefined) return []
    return Array.from(tracks, ([symbol, track]) =>
      named(symbol, cover(track, span, toldFrom)),
    ).flat()
  }
  const endAll = (): SymbolInterruption[] => {
    if (isLost || allRefusedAt !== undefined) return []
    const until = whole.end()
    if (until === undefined) return []
    return Array.from(tracks, ([symbol, track]) => {
      if (track.open !== undefined) track.open = longer(track.open, until)
      return refusedAt.has(symbol) ? [] : named(symbol, end(track))
    }).flat()
  }
  const refused: OpenInterruptions['refused'] = ({ symbol, from, until }, uptimeMs) => {
    const span = { from, until, reason: tradesRefused }
    if (symbol === null) {
      allRefusedAt = uptimeMs
      return coverAll(span)
    }
    const track = tracks.get(symbol)
    if (track === undefined) return []
    refusedAt.delete(symbol)
    refusedAt.set(symbol, uptimeMs)
    return named(symbol, cover(track, span))
  }
  const works: OpenInterruptions['works'] = (uptimeMs) => {
    const isOver = (at: number) => uptimeMs - at >= lastingMs
    const told: SymbolInterruption[] = []
    if (allRefusedAt !== undefined && isOver(allRefusedAt)) {
      allRefusedAt = undefined
      told.push(...endAll())
    }
    for (const [symbol, at] of refusedAt) {
      if (!isOver(at)) break
      refusedAt.delete(symbol)
      const track = tracks.get(symbol)
      if (track === undefined || whole.isOpen()) continue
      told.push(...named(symbol, end(track)))
    }
    return told
  }
  return {
    lost: (from, reason) => {
      isLost = true
      return coverAll({ from, until: from, reason })
    },
    heard: (at) => {
      isLost = false
      whole.lasts(at)
      return endAll()
    },
    refused,
    works,
    latest: whole.latest,
  }
}

const newTrack = (endedAt: UnixMs): Track => ({ endedAt, open: undefined })

/**
 * Open while something concerns all symbols; their own tracks record it. A symbol's interruption
 * may have been open for longer than that: so what is covered here has no earlier end.
 */
function trackWhole(heardSince: UnixMs) {
  const track = newTrack(heardSince)
  let endedAt = heardSince
  let latest: Interruption | undefined

  const lasts = (until: UnixMs) => {
    if (track.open !== undefined) track.open = longer(track.open, until)
  }
  return {
    isOpen: () => track.open !== undefined,
    lasts,
    /** Answers since when it is told to be covered, if that is news. */
    cover: (span: Covered): UnixMs | undefined => {
      const told = cover(track, span)
      if (told !== undefined) latest = { ...told, from: Math.max(told.from, endedAt) }
      return told?.from
    },
    /** Answers until when it was open. */
    end: (): UnixMs | undefined => {
      if (track.open === undefined) return undefined
      const { earliest, until, reason } = track.open
      const from = Math.max(earliest, endedAt)
      endedAt = Math.max(from, until)
      latest = { from, until: endedAt, reason }
      track.open = undefined
      return until
    },
    latest: () => latest,
  }
}

type Covered = Readonly<{ from: UnixMs; until: UnixMs; reason: string }>

/**
 * Answers what to record so that the span is covered: nothing if it already is. An open one that
 * has to begin earlier begins at `earlier`, or twice as far back as needed: trades that get ever
 * older are no reason for ever more events.
 */
function cover(
  track: Track,
  { from, until, reason }: Covered,
  earlier?: UnixMs,
): Interruption | undefined {
  const start = Math.max(from, track.endedAt)
  if (track.open === undefined) {
    track.open = { from: start, earliest: start, until, reason }
    return { from: start, until: null, reason }
  }
  const open = longer(track.open, until)
  // A lost connection says more than a refused trade.
  track.open = { ...open, reason: reason === tradesRefused ? open.reason : reason }
  if (start >= open.earliest) return undefined
  const earliest = Math.max(track.endedAt, earlier ?? start - (open.from - start))
  track.open = { ...track.open, earliest }
  return { from: earliest, until: null, reason: track.open.reason }
}

const longer = (open: Open, until: UnixMs): Open => ({
  ...open,
  until: Math.max(open.until, until),
})

function end(track: Track): Interruption | undefined {
  if (track.open === undefined) return undefined
  const { from, until, reason } = track.open
  track.endedAt = Math.max(until, from)
  track.open = undefined
  return { from, until: track.endedAt, reason }
}

const named = (symbol: string, told: Interruption | undefined): SymbolInterruption[] =>
  told === undefined ? [] : [{ symbol, ...told }]
