import type { Logger } from 'pino'
import type { TradelogEvent } from '../../domain/event.ts'
import type { UnixMs } from '../../domain/time.ts'
import type { Loss } from '../connection/listening.ts'
import type { FeedCounts } from '../counts.ts'
import type { EventBuffer } from '../event-buffer.ts'
import type { FeedSettings, Reject } from '../feed.ts'
import type { LogEvidence } from './log-evidence.ts'
import {
  type Interruption,
  type OpenInterruptions,
  openInterruptions,
  type SymbolInterruption,
  tradesRefused,
} from './open-interruptions.ts'

type Options = Readonly<{
  feed: Pick<FeedSettings, 'source' | 'symbols'>
  counts: Pick<FeedCounts, 'interruptions'>
  buffer: Pick<EventBuffer, 'add' | 'addFirst'>
  /** Refusals are over if there were none for so long. */
  lastingMs: number
  logger: Logger
  uptimeMs: () => number
}>

type Arrival = Readonly<{ at: UnixMs; heardUntil: UnixMs | null }>

/** Puts the interruptions of a live feed into the buffer, one event for each symbol. */
export type InterruptionRecorder = Readonly<{
  /**
   * Takes what the log tells of the time before the term. The interruption since then goes into the
   * buffer as soon as the feed is heard, in front of its trades. A kill before it is in the log
   * loses nothing: the next term finds the same there.
   */
  heardBefore: (evidence: LogEvidence) => void
  /** A connection is heard for the first time, at `since`. */
  listening: (since: UnixMs) => void
  /** The connection that is heard since then has held. */
  held: (since: UnixMs) => void
  lost: (loss: Loss) => void
  /** All that the feed sent before `heardUntil` had come before. */
  refused: (reject: Reject, arrived: Arrival) => void
  /** A trade was taken, or the feed has pinged. */
  works: () => void
  /** The latest one of all symbols. */
  latest: () => Interruption | null
  /** Whether it is known of all time before now what the log lacks. */
  isKnown: () => boolean
}>

export function recordInterruptions(options: Options): InterruptionRecorder {
  const { feed, counts, buffer, uptimeMs } = options
  const symbols = [...new Set(feed.symbols)]
  let evidence: LogEvidence | undefined
  let heardSince: UnixMs | undefined
  let open: OpenInterruptions | undefined
  let endsAtFirstWord = true
  let shortConnections = 0

  const record = (
    interruptions: readonly SymbolInterruption[],
    add: EventBuffer['add'] = buffer.add,
  ) => {
    const [first] = interruptions
    if (first === undefined) return
    counts.interruptions += interruptions.length
    logInterruption(options, interruptions.length, first)
    const since = interruptions.reduce((least, { from }) => Math.min(least, from), first.from)
    add(
      interruptions.map((each) => eventOf(each, feed.source)),
      since,
    )
  }
  const absence = (): Interruption | null =>
    evidence === undefined ? null : absenceOf(evidence, heardSince)
  const recordAbsence = (add: EventBuffer['add']) => {
    const all = absence()
    if (all === null || all.until === null) return
    const { until } = all
    const interruptedUntil = (symbol: string) => evidence?.interruptedUntil.get(symbol) ?? 0
    record(
      symbols.map((symbol) => {
        const from = Math.max(all.from, interruptedUntil(symbol))
        return { ...all, symbol, from, until: Math.max(from, until) }
      }),
      add,
    )
  }
  const listening = (since: UnixMs) => {
    if (open === undefined) {
      heardSince = since
      open = openInterruptions({ ...options, symbols, heardSince: since })
      recordAbsence(buffer.add)
    } else if (endsAtFirstWord) {
      record(open.heard(since))
    }
  }
  return {
    heardBefore: (told) => {
      evidence = told
      recordAbsence(buffer.addFirst)
    },
    listening,
    held: (since) => {
      shortConnections = 0
      record(open?.heard(since) ?? [])
    },
    // The second connection in a row that doesn't hold is a flap, the first may be an accident.
    lost: ({ from, reason, hadHeld }) => {
      if (!hadHeld) shortConnections++
      endsAtFirstWord = shortConnections < 2
      record(open?.lost(from, reason) ?? [])
    },
    refused: (reject, arrived) =>
      record(open?.refused(refusedSpan(reject, arrived), uptimeMs()) ?? []),
    works: () => record(open?.works(uptimeMs()) ?? []),
    latest: () => open?.latest() ?? absence(),
    isKnown: () => evidence !== undefined,
  }
}

/** Nobody listened between what the log shows and the first word. */
function absenceOf({ heardUntil = 0 }: LogEvidence, heardSince: UnixMs | undefined): Interruption {
  const from = Math.min(heardUntil, heardSince ?? heardUntil)
  const reason = from === 0 ? 'not listened before' : 'ingest not running'
  return { from, until: heardSince ?? null, reason }
}

const year2000: UnixMs = Date.UTC(2000, 0, 1)
const dayMs = 24 * 60 * 60_000

/**
 * From the time of the trade to its arrival, or the other way round, both included. If it says no
 * time, it was sent after all that had come before.
 */
function refusedSpan({ symbol, executedAt }: Reject, { at, heardUntil }: Arrival) {
  const isTime = executedAt !== null && executedAt >= year2000 && executedAt <= at + dayMs
  const tradeAt = isTime ? executedAt : (heardUntil ?? at)
  return { symbol, from: Math.min(tradeAt, at), until: Math.max(tradeAt, at) + 1 }
}

const eventOf = (
  { symbol, from, until, reason }: SymbolInterruption,
  source: string,
): TradelogEvent => ({ type: 'FeedInterrupted', version: 2, symbol, from, until, reason, source })

function logInterruption(
  { feed: { source }, logger }: Options,
  symbols: number,
  { from, until, reason }: SymbolInterruption,
): void {
  const fields = { source, symbols, from, until, reason }
  // Refusals are logged as such, and before the first start nobody could listen.
  if (reason === tradesRefused || from === 0) {
    logger.debug(fields, 'an interruption is recorded')
  } else if (reason === 'ingest not running') {
    logger.warn(fields, 'trades may be missing: ingest was not running')
  } else if (until === null) {
    logger.warn(fields, 'trades may be missing: the feed is interrupted')
  } else {
    logger.info(fields, 'the feed is heard again: trades may be missing before')
  }
}
