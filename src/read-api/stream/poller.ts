import { EventEmitter } from 'node:events'
import { backoffMs } from '../../runtime/backoff.ts'
import { closeOnce } from '../../runtime/close-once.ts'
import type { Interval } from '../http/intervals.ts'
import { withinTimeLimit } from '../http/time-limit.ts'
import { type CandleReaders, type OpenCandles, openCandleSource } from './candles.ts'
import type { StreamClient } from './client.ts'
import type { PollResult } from './newest-rows.ts'
import { tickSource } from './ticks.ts'

type StreamPoller = Readonly<{
  clients: () => number
  /** The next poll that begins sends the client its first rows. */
  subscribe: (client: StreamClient) => void
  unsubscribe: (client: StreamClient) => void
  /** Ends every stream; a second call waits for the first. */
  close: () => Promise<void>
}>

type Options = CandleReaders &
  Readonly<{
    /** The least pause after a poll, and so between two versions of a row. */
    pollEveryMs: number
    /** A read of a poll that takes longer is aborted. */
    pollMsMax: number
  }>

const retryMsMax = 2_000

/** Reads the store once for all clients, and only while there are any. */
export function streamPoller({ pollEveryMs, pollMsMax, ...readers }: Options): StreamPoller {
  const clients = new Set<StreamClient>()
  const pollOnce = pollOf(readers)
  const closing = new EventEmitter()
  let timer: NodeJS.Timeout | undefined
  let polling: Promise<void> | undefined
  let failures = 0

  const poll = async (): Promise<void> => {
    const begin = performance.now()
    // A client that subscribes later waits for the next poll: this one may not read its candles.
    const present = [...clients]
    const limits = { waiting: closing, timeoutMs: pollMsMax }
    const found = await pollOnce(present, (read) => withinTimeLimit(limits, read))
    for (const client of present) client.deliver(found.resultsOf(client))
    failures = found.isComplete ? 0 : failures + 1
    const pauseMs = Math.max(pollEveryMs, performance.now() - begin)
    const retryMs = backoffMs(failures, Math.random, {
      firstMs: pollEveryMs * 2,
      maxMs: retryMsMax,
    })
    timer = setTimeout(next, found.isComplete ? pauseMs : retryMs)
  }
  const next = (): void => {
    timer = undefined
    if (close.hasBegun() || clients.size === 0) return
    polling = poll().finally(() => {
      polling = undefined
    })
  }
  const close = closeOnce(async () => {
    for (const client of clients) client.bye('shutting down')
    closing.emit('close')
    await polling
    clearTimeout(timer)
  })
  return {
    clients: () => clients.size,
    subscribe: (client) => {
      if (close.hasBegun()) return client.bye('shutting down')
      clients.add(client)
      if (polling === undefined && timer === undefined) next()
    },
    unsubscribe: (client) => void clients.delete(client),
    close,
  }
}

type Limited = (read: (signal: AbortSignal) => Promise<PollResult>) => Promise<PollResult>

/** Reads the ticks, and the open candles of each interval that a client wants. */
function pollOf(readers: CandleReaders) {
  const ticks = tickSource(readers.reader)
  const candles = new Map<Interval, OpenCandles>()
  const candlesOf = (interval: Interval): OpenCandles => {
    const known = candles.get(interval) ?? openCandleSource(readers, interval)
    candles.set(interval, known)
    return known
  }
  return async (clients: readonly StreamClient[], limited: Limited) => {
    let isComplete = true
    // A model that can't be read doesn't hold back the others; the reader logs it.
    const readOr = async (
      read: Promise<PollResult>,
      failed: () => PollResult,
    ): Promise<PollResult> =>
      await read.catch(() => {
        isComplete = false
        return failed()
      })
    const ofTicks = await readOr(limited(ticks.read), ticks.unchanged)
    const byInterval = new Map<Interval, PollResult>()
    for (const [interval, isWanted] of wishes(clients)) {
      const source = candlesOf(interval)
      const wanted = [...ofTicks.all.values()].filter(({ symbol }) => isWanted(symbol))
      const read = limited((signal) => source.read(wanted, signal))
      byInterval.set(interval, await readOr(read, source.unchanged))
    }
    const resultsOf = ({ interval }: StreamClient): readonly PollResult[] => {
      const ofCandles = interval && byInterval.get(interval)
      return ofCandles === undefined ? [ofTicks] : [ofTicks, ofCandles]
    }
    return { isComplete, resultsOf }
  }
}

/** For each interval, whose candles the clients want. */
function wishes(clients: readonly StreamClient[]) {
  const wanted = new Map<Interval, Set<string> | undefined>()
  for (const { interval, symbols } of clients) {
    if (interval === undefined) continue
    const others = wanted.has(interval) ? wanted.get(interval) : new Set<string>()
    wanted.set(interval, symbols && others && new Set([...others, ...symbols]))
  }
  return Array.from(
    wanted,
    ([interval, symbols]) => [interval, (symbol: string) => symbols?.has(symbol) ?? true] as const,
  )
}
