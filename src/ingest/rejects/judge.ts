import { randomBytes } from 'node:crypto'
import type { UnixMs } from '../../domain/time.ts'
import type { TradeExecuted } from '../../domain/trade-executed.ts'
import type { FeedProtocol } from '../feed.ts'
import type { ReadLine } from './files.ts'
import { type KeptReject, lineOf } from './line.ts'

export type JudgeOptions = Readonly<{
  /** Undefined if no live feed is called so. */
  protocolOf: (source: string) => FeedProtocol | undefined
  /** Only rejects with this reason are judged. */
  reason?: string | undefined
  now: () => UnixMs
}>

export type VerdictCounts = {
  /** Still refused, by reason. */
  refused: Record<string, number>
  /** Not judged, by what they are. */
  left: Record<string, number>
  /** Messages that are understood by now, and say nothing of trades. */
  withoutTrade: number
  /** Lines that can't be read. */
  unreadable: number
}

export const noVerdicts = (): VerdictCounts => ({
  refused: Object.create(null),
  left: Object.create(null),
  withoutTrade: 0,
  unreadable: 0,
})

/** What becomes of a line of the reject log. */
type Verdict = Readonly<{
  trades: readonly TradeExecuted[]
  /** What goes back into the reject log. */
  lines: readonly Buffer[]
}>

/**
 * Judges lines by today's rules and clock, and counts the verdicts. The source of each trade names
 * this judge and a row, by which the log knows it: see `recorded-rows.ts`.
 */
export function createJudge(options: JudgeOptions, counts: VerdictCounts) {
  const id = randomBytes(8).toString('hex')
  let row = 0
  const named = (trade: TradeExecuted): TradeExecuted => {
    row += 1
    return { ...trade, source: `rejects:${trade.source}:${id}:${row}` }
  }
  const judged = (reject: KeptReject, protocol: FeedProtocol): Verdict => {
    const { trades, refused } = judgeAgain(reject, protocol, options.now())
    for (const { reason } of refused) count(counts.refused, reason)
    if (trades.length === 0 && refused.length === 0) counts.withoutTrade += 1
    return { trades: trades.map(named), lines: refused.map((each) => Buffer.from(lineOf(each))) }
  }
  return ({ bytes, line }: ReadLine): Verdict => {
    const asItWas = { trades: [], lines: [Buffer.concat([bytes, lineEnd])] }
    if (line === undefined) counts.unreadable += 1
    if (line === undefined || 'notKept' in line) return asItWas
    const protocol = protocolFor(line, options)
    if (typeof protocol !== 'string') return judged(line, protocol)
    count(counts.left, protocol)
    return asItWas
  }
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}

const lineEnd = Buffer.from('\n')

/** By what a reject is to be judged; a text that says what it is if it isn't judged. */
function protocolFor(
  { source, reason, wholeBytes }: KeptReject,
  options: JudgeOptions,
): FeedProtocol | string {
  if (options.reason !== undefined && reason !== options.reason) return 'of another reason'
  // The log takes the rows of a file in their order: one that came late would hide those before it.
  if (source === 'file') return 'of a played file'
  if (wholeBytes !== undefined) return 'not kept whole'
  const protocol = source === undefined ? undefined : options.protocolOf(source)
  return protocol ?? 'of no live feed'
}

/** The text goes through its feed's own protocol again, as if the feed sent it now. */
function judgeAgain(reject: KeptReject, protocol: FeedProtocol, now: UnixMs) {
  const message = Buffer.from(messageOf(reject, protocol))
  const { kind, trades, rejected } = protocol.parse(message, now)
  // It isn't even a list of trades: it is as strange as it was.
  if (kind !== 'trade' && rejected.length > 0) return { trades, refused: [reject] }
  const refused = rejected.map(({ reason, text }) =>
    isMessage(reject) ? { ...reject, reason, text } : { ...reject, reason },
  )
  return { trades, refused }
}

function messageOf(reject: KeptReject, protocol: FeedProtocol): string {
  const { reason, text } = reject
  if (protocol.messageOf === undefined || isMessage(reject)) return text
  return protocol.messageOf(reason === 'trades_not_a_list' ? text : `[${text}]`)
}

/** Otherwise the text is an entry, or what stands in the place of the entries. */
const isMessage = ({ reason }: KeptReject): boolean => reason.startsWith('message_')
