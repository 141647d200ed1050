import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { WebSocket } from 'ws'
import type { UnixMs } from '../../domain/time.ts'
import { type Backoff, backoffMs, isLogged } from '../../runtime/backoff.ts'
import type { Feed, FeedSettings } from '../feed.ts'
import { feedAddress } from './address.ts'
import { trackCondition } from './condition.ts'
import { connectTo, type Listeners } from './connect.ts'
import { type Listening, type ListeningEvents, trackListening } from './listening.ts'
import { createPingWatch, type PingWatch } from './ping-watch.ts'

export type FeedSocketOptions = Pick<FeedSettings, 'source' | 'symbols'> &
  ListeningEvents &
  Readonly<{
    protocol: Pick<FeedSettings['protocol'], 'url' | 'pingEveryMs' | 'subscribe'>
    backoff: Backoff
    /**
     * Answers whether the message was good, which shows that the feed works. Must not throw.
     * `onListening` is called before it gets the first message of a connection.
     */
    onMessage: (message: Buffer) => boolean
    /** The feed has sent a ping of the WebSocket protocol, which shows that it works. */
    onPing: () => void
    /** A message was too large to be received: the connection is lost with it. */
    onOversized: () => void
    onConnected: () => void
    ownPingEveryMs?: number
    logger: Logger
    now: () => UnixMs
    uptimeMs: () => number
    random: () => number
  }>

/** How often we ping: an interruption may begin this much too early. */
const ownPingEveryMs = 1_000
/** A connection has held, and failures before it are forgotten, after so many ping periods. */
export const lastingPingPeriods = 2

/** Keeps a connection to a feed of any protocol, subscribed to the symbols. */
export function openFeedSocket(options: FeedSocketOptions): Feed {
  const { protocol, symbols } = options
  const address = feedAddress(options.source, protocol.url)
  const closing = new AbortController()
  let socket: WebSocket | undefined
  let fault: string | undefined
  let paused = false

  const condition = loggedCondition(options, address.shown)
  const listening = listeningOf(options, condition.held)
  const watch = createPingWatch(2.5 * protocol.pingEveryMs, (reason) => {
    fault = reason
    socket?.terminate()
  })

  const pause = () => {
    paused = true
    watch.suspend()
    socket?.pause()
  }
  const resume = () => {
    paused = false
    watch.resume()
    socket?.resume()
  }
  const opened = (connected: WebSocket) => {
    condition.opened()
    options.onConnected()
    for (const frame of protocol.subscribe(symbols)) connected.send(frame)
    watch.start()
    listening.opened((text) => {
      connected.ping(text)
      watch.pinged()
    })
    if (paused) pause()
  }
  const listeners = listenersOf(options, { opened, listening, watch, signal: closing.signal })
  const connection = async () => {
    fault = undefined
    const connecting = connectTo(address.url, listeners)
    socket = connecting.socket
    const ending = await connecting.ended
    watch.stop()
    return address.redact(fault ?? ending)
  }
  const keepConnected = async () => {
    while (!closing.signal.aborted) {
      const reason = await connection()
      if (closing.signal.aborted) break
      const retryMs = condition.failed(reason)
      listening.lost(fault === undefined ? 'disconnected' : 'silent')
      await sleep(retryMs, undefined, { signal: closing.signal }).catch(() => {})
    }
    condition.closed()
    listening.stop()
  }
  const ended = keepConnected()
  const close = () => {
    closing.abort()
    socket?.terminate()
    return ended
  }
  return {
    pause,
    resume,
    condition: () => ({ ...unknown, ...condition.current(), heardUntil: listening.heardUntil() }),
    close,
  }
}

const listeningOf = (options: FeedSocketOptions, held: () => void): Listening =>
  trackListening({
    ...options,
    pingEveryMs: options.ownPingEveryMs ?? ownPingEveryMs,
    holdsAfterMs: lastingPingPeriods * options.protocol.pingEveryMs,
    onHeld: (since) => {
      held()
      options.onHeld(since)
    },
  })

/** What a connection alone doesn't tell. */
const unknown = { lastTradeAt: null, interruption: null } as const

/** The condition, its changes logged: what flaps is logged at the first, then ever more seldom. */
function loggedCondition(options: FeedSocketOptions, feed: string) {
  const { symbols, backoff, logger, random } = options
  const condition = trackCondition(options)
  return {
    ...condition,
    opened: () => {
      condition.opened()
      const isNews = condition.current().problem === null
      logger[isNews ? 'info' : 'debug']({ feed, symbols: symbols.length }, 'feed connected')
    },
    held: () => {
      const { flapped, failures } = condition.held()
      if (flapped) logger.info({ feed, failures }, 'the connection to the feed holds')
    },
    /** Answers how many ms to wait. */
    failed: (reason: string): number => {
      const failures = condition.failed(reason)
      const retryMs = backoffMs(failures, random, backoff)
      const level = isLogged(failures) ? 'warn' : 'debug'
      logger[level]({ feed, reason, failures, retryMs }, 'feed disconnected')
      return retryMs
    },
  }
}

type Watchers = Readonly<{
  opened: (socket: WebSocket) => void
  listening: Listening
  watch: PingWatch
  signal: AbortSignal
}>

/** Who learns of what comes on a connection, and in which order. */
function listenersOf(
  { onMessage, onPing, onOversized }: FeedSocketOptions,
  { opened, listening, watch, signal }: Watchers,
): Listeners {
  const heard = (pass: () => boolean) => {
    if (signal.aborted) return
    watch.alive()
    listening.begins()
    const isGood = pass()
    listening.heard()
    if (isGood) listening.works()
  }
  const ping = () => {
    onPing()
    return true
  }
  return {
    opened,
    heard: (message) => heard(() => onMessage(message)),
    pinged: () => heard(ping),
    answered: (text) => {
      if (signal.aborted) return
      watch.answered()
      listening.answered(text)
    },
    oversized: onOversized,
  }
}
