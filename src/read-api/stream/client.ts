import type { ServerResponse } from 'node:http'
import type { Interval } from '../http/intervals.ts'
import type { LiveRow, PollResult } from './newest-rows.ts'
import {
  advance,
  formatPositions,
  inSameLog,
  isAbove,
  lowest,
  type Positions,
} from './positions.ts'

export type StreamLimits = Readonly<{
  heartbeatEveryMs: number
  /** What waits for a slow client in memory, about; beyond it only the latest of each row is kept. */
  bufferBytesMax: number
  /** How long a client may stay that slow. */
  slowMsMax: number
  /** How long one that is let go may take to read why. */
  byeMsMax: number
}>

export type ByeReason = 'too slow' | 'shutting down'

export type StreamClient = Readonly<{
  /** Of the candles it wants, if any. */
  interval: Interval | undefined
  /** Undefined means all there are and will be. */
  symbols: ReadonlySet<string> | undefined
  /** Sends what a poll has found: at first all it doesn't have, then what has changed. */
  deliver: (results: readonly PollResult[]) => void
  /** Ends the stream and says why. */
  bye: (reason: ByeReason) => void
}>

type Options = Pick<StreamClient, 'interval' | 'symbols'> &
  Readonly<{
    response: ServerResponse
    /** Everything up to here has been sent, before a connection broke. */
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
    const texts = taken(outbox, limits.bufferBytesMax - response.writableLength)
    if (outbox.size === 0) sent = advance(sent, upTo)
    const id = outbox.size === 0 ? formatPositions(sent) : sentId
    const isMoved = id !== sentId
    sentId = id
    if (texts.length > 0 || isMoved) response.write(withId(texts, isMoved ? id : undefined))
  }
  const deliver: StreamClient['deliver'] = (results) => {
    if (response.writableEnded) return
    for (const { changed, all, upTo } of results) {
      const known = inSameLog(sent, upTo)
      for (const row of isNew ? all.values() : changed) {
        const isWanted = symbols?.has(row.symbol) ?? true
        if (isWanted && isAbove(row.guard, known)) outbox.set(row.key, row)
      }
    }
    isNew = false
    slowSince = isFull() ? (slowSince ?? now()) : undefined
    if (slowSince === undefined) flush(lowest(results.map(({ upTo }) => upTo)))
    else if (now() - slowSince > limits.slowMsMax) bye('too slow')
  }
  return { interval, symbols, deliver, bye }
}

/** Takes out of the box, oldest first, what there is room for. */
function taken(outbox: Map<string, LiveRow>, room: number): string[] {
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

/** With the last of them, as some browsers pass over an id that comes with nothing. */
function withId(texts: readonly string[], id: string | undefined): string {
  if (id === undefined) return texts.join('')
  return `${texts.slice(0, -1).join('')}id: ${id}\n${texts.at(-1) ?? '\n'}`
}
