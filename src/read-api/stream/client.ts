import type { ServerResponse } from 'node:http'
import type { Interval } from '../http/intervals.ts'
import type { LiveRow, PollResult } from './newest-rows.ts'
import {
  advance,
  formatPositions,
  inSameLog,
  isAbove,
  isBeyond,
  lowest,
  type Positions,
} from './positions.ts'

export type StreamLimits = Readonly<{
  heartbeatEveryMs: number
  /** About what waits in memory for a slow client; beyond it each row waits only as its latest. */
  bufferBytesMax: number
  /** How long a client may stay that slow. */
  slowMsMax: number
  /** How long a client may take to read the `bye`; then its connection is cut. */
  byeMsMax: number
}>

type ByeReason = 'too slow' | 'shutting down'

export type StreamClient = Readonly<{
  /** The length of the candles it wants; undefined means no candles. */
  interval: Interval | undefined
  /** Undefined means all, also those that come later. */
  symbols: ReadonlySet<string> | undefined
  /** Sends what a poll has found: at first all that the client lacks, then what has changed. */
  deliver: (results: readonly PollResult[]) => void
  /** Ends the stream and says why. */
  bye: (reason: ByeReason) => void
}>

type Options = Pick<StreamClient, 'interval' | 'symbols'> &
  Readonly<{
    response: ServerResponse
    /** Everything up to here was sent before the last connection broke. */
    resumeFrom: Positions
    limits: StreamLimits
    now?: () => number
  }>

export function streamClient(options: Options): StreamClient {
  const { response, interval, symbols, resumeFrom, limits, now = () => performance.now() } = options
  const outbox = new Map<string, LiveRow>()
  let sent = resumeFrom
  let sentId = ''
  let isNew = true
  /** Another process sent rows that this one hasn't read yet: its own may be older. */
  let isAhead = true
  let slowSince: number | undefined

  const isFull = () => response.writableLength >= limits.bufferBytesMax
  const heartbeat = setInterval(() => {
    if (!isFull()) response.write(': heartbeat\n\n')
  }, limits.heartbeatEveryMs)
  response.once('close', () => clearInterval(heartbeat))

  const bye: StreamClient['bye'] = (reason) => {
    if (response.writableEnded) return
    clearInterval(heartbeat)
    response.end(`event: bye\ndata: ${JSON.stringify({ reason })}\n\n`)
    const last = setTimeout(() => response.destroy(), limits.byeMsMax)
    response.once('close', () => clearTimeout(last))
  }
  const flush = (upTo: Positions): void => {
    const texts = takeTexts(outbox, limits.bufferBytesMax - response.writableLength)
    if (outbox.size === 0) sent = advance(sent, upTo)
    const id = outbox.size === 0 ? formatPositions(sent) : sentId
    const isMoved = id !== sentId
    sentId = id
    if (texts.length > 0 || isMoved) response.write(withId(texts, isMoved ? id : undefined))
  }
  const deliver: StreamClient['deliver'] = (results) => {
    if (response.writableEnded) return
    const upTo = lowest(results.map((result) => result.upTo))
    const wasAhead = isAhead
    isAhead &&= isBeyond(resumeFrom, upTo)
    for (const result of results) {
      const known = inSameLog(resumeFrom, result.upTo)
      for (const row of isNew || wasAhead !== isAhead ? result.all.values() : result.changed) {
        // At one position a candle may have been complete, and be incomplete by now.
        const mayDiffer = !isAhead && row.complete !== undefined
        const isLacking = !wasAhead || mayDiffer || isAbove(row.guard, known)
        const isWanted = symbols?.has(row.symbol) ?? true
        if (isWanted && isLacking) outbox.set(row.key, row)
      }
    }
    isNew = false
    slowSince = isFull() ? (slowSince ?? now()) : undefined
    if (slowSince === undefined) flush(upTo)
    else if (now() - slowSince > limits.slowMsMax) bye('too slow')
  }
  return { interval, symbols, deliver, bye }
}

/** Takes texts out of the outbox, oldest first, while there is room. */
function takeTexts(outbox: Map<string, LiveRow>, room: number): string[] {
  const texts: string[] = []
  let length = 0
  for (const [key, { text }] of outbox) {
    if (length >= room) break
    texts.push(text)
    length += text.length
    outbox.delete(key)
  }
  return texts
}

/** Puts the id into the last event, as some browsers ignore an id without an event. */
function withId(texts: readonly string[], id: string | undefined): string {
  if (id === undefined) return texts.join('')
  return `${texts.slice(0, -1).join('')}id: ${id}\n${texts.at(-1) ?? '\n'}`
}
