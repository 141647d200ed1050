import type { Logger } from 'pino'
import type { UnixMs } from '../domain/time.ts'
import type { FeedSettings, Reject, RejectReason } from './feed.ts'

type Options = Readonly<{
  feed: Pick<FeedSettings, 'source' | 'isRecorded'>
  /** They are over if there were none for so long. */
  lastingMs: number
  logger: Logger
  now: () => UnixMs
  /** A clock that nobody sets. */
  uptimeMs: () => number
}>

type Counts = Partial<Record<RejectReason, number>>

/** Of the refusals with no long time between them. */
type Row = Readonly<{
  since: UnixMs
  /** The start of the first text. */
  sample: string
  rejected: Counts
}>

/** What a feed sends and ingest refuses: logged at the first, then seldom. */
export type Refusals = Readonly<{
  refused: (reject: Reject) => void
  /** A trade was taken, or the feed has pinged. */
  works: () => void
  /** What is refused now; null if nothing is. */
  current: () => (Row & Readonly<{ problem: string }>) | null
  /** Forgets what was refused before. */
  clear: () => void
}>

const logEveryMs = 60_000
const sampleCharactersMax = 256

export function trackRefusals(options: Options): Refusals {
  const { feed, lastingMs, logger, now, uptimeMs } = options
  const { source } = feed
  let row: Row | undefined
  let lastAt = 0
  let loggedAt = 0
  let unlogged: Counts = {}

  const refused = ({ reason, text }: Reject) => {
    const isFirst = row === undefined
    lastAt = uptimeMs()
    row ??= { since: now(), sample: text.slice(0, sampleCharactersMax), rejected: {} }
    count(row.rejected, reason)
    count(unlogged, reason)
    if (!isFirst && lastAt - loggedAt < logEveryMs) return
    const { sample } = row
    logger.warn({ source, rejected: unlogged, sample }, problemOf(unlogged, feed))
    loggedAt = lastAt
    unlogged = {}
  }
  const clear = () => {
    row = undefined
    unlogged = {}
  }
  const works = () => {
    if (row === undefined || uptimeMs() - lastAt < lastingMs) return
    logger.info({ source, ...row }, 'nothing that the feed sends is refused any more')
    clear()
  }
  const current = () => row && { ...row, problem: problemOf(row.rejected, feed) }
  return { refused, works, current: () => current() ?? null, clear }
}

function count(counts: Counts, reason: RejectReason): void {
  counts[reason] = (counts[reason] ?? 0) + 1
}

function problemOf(rejected: Counts, feed: Options['feed']): string {
  const counts = Object.entries(rejected) as readonly (readonly [RejectReason, number])[]
  const all = counts.reduce((sum, [, number]) => sum + number, 0)
  const [most, ...others] = counts.toSorted(([, a], [, b]) => b - a)
  const reason = most?.[0] ?? 'message_of_unknown_type'
  const reasons = others.length === 0 ? reason : `mostly ${reason}`
  return `${refusedOf(all, feed)} (${reasons}): ${questionOf(reason, feed)}`
}

function refusedOf(count: number, { isRecorded }: Options['feed']): string {
  if (count === 1) return `1 ${isRecorded ? 'row of the file' : 'trade or message'} is refused`
  return `${count} ${isRecorded ? 'rows of the file' : 'trades or messages'} are refused`
}

/** What to look at first. */
function questionOf(reason: RejectReason, { isRecorded }: Options['feed']): string {
  if (reason === 'time_before_2000') return 'are its times in milliseconds since 1970?'
  if (reason === 'time_in_the_future') return "is this machine's clock right?"
  return isRecorded ? 'is it a file of another form?' : 'has the feed changed its form?'
}
