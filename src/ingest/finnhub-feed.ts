import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type RawData, WebSocket } from 'ws'
import type { UnixMs } from '../domain/time.ts'
import { type Backoff, backoffMs } from '../runtime/backoff.ts'
import { feedAddress } from './feed-address.ts'
import { type Gap, trackListening } from './listening.ts'
import { createPingWatch } from './ping-watch.ts'

export type FinnhubFeedOptions = Readonly<{
  url: string
  /** Sent in the address, as Finnhub wants it; never logged. */
  token?: string | undefined
  symbols: readonly string[]
  /** How often the feed pings; after 2.5 periods without any message it is taken for dead. */
  pingEveryMs: number
  backoff: Backoff
  /** Says whether the message was a good one, which ends a series of failures. Must not throw. */
  onMessage: (message: Buffer) => boolean
  /** A message was too large to be received: the connection is lost with it. */
  onOversized: () => void
  onConnected: () => void
  /** A connection was heard for the first time; the gap since the one before. Told before its first message. */
  onListening: (since: UnixMs, gap: Gap | undefined) => void
  logger: Logger
  now: () => UnixMs
  random: () => number
}>

export type FinnhubFeed = Readonly<{
  /**
   * Stops reading the socket, so that the feed has to wait. Messages that were read with the one
   * before may still come. The ping watch is suspended.
   */
  pause: () => void
  resume: () => void
  /** Null while connected. */
  disconnectedSince: () => number | null
  close: () => Promise<void>
}>

const connectMsMax = 10_000
/** How often we ping: a gap begins so much too early at most. */
const ownPingEveryMs = 1_000
/** Far above what is parsed, so that a message too large for that is received, judged, and gone. */
const receivedBytesMax = 16 * 1024 * 1024

/** Keeps a connection to a feed that speaks Finnhub's protocol, subscribed to the symbols. */
export function openFinnhubFeed(options: FinnhubFeedOptions): FinnhubFeed {
  const { backoff, logger, random } = options
  const address = feedAddress(options.url, options.token)
  const closing = new AbortController()
  const silenceMsMax = 2.5 * options.pingEveryMs
  let socket: WebSocket | undefined
  let fault: string | undefined
  let failures = 0
  let paused = false
  let disconnectedSince: number | null = Date.now()

  const listening = trackListening({ ...options, pingEveryMs: ownPingEveryMs })
  const watch = createPingWatch(silenceMsMax, () => {
    fault = `nothing was heard for ${silenceMsMax} ms`
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
    disconnectedSince = null
    options.onConnected()
    logger.info({ feed: address.shown, symbols: options.symbols.length }, 'feed connected')
    subscribe(connected, options.symbols)
    listening.opened((text) => connected.ping(text))
    watch.start()
    if (paused) pause()
  }
  const alive = () => {
    watch.alive()
    listening.heard()
  }
  const heard = (message: RawData) => {
    if (closing.signal.aborted) return
    alive()
    if (options.onMessage(toBuffer(message))) failures = 0
  }
  const connection = () => {
    fault = undefined
    const connecting = connect(address.url, { ...options, ...listening, opened, heard, alive })
    socket = connecting.socket
    return connecting.ended.then((ending) => address.redact(fault ?? ending))
  }
  const keepConnected = async () => {
    while (!closing.signal.aborted) {
      const reason = await connection()
      disconnectedSince ??= Date.now()
      watch.stop()
      listening.lost(fault === undefined ? 'disconnected' : 'silent')
      if (closing.signal.aborted) return
      const retryMs = backoffMs(++failures, random, backoff)
      logger.warn({ feed: address.shown, reason, failures, retryMs }, 'feed disconnected')
      await sleep(retryMs, undefined, { signal: closing.signal }).catch(() => {})
    }
  }
  const ended = keepConnected()
  const close = () => {
    closing.abort()
    socket?.terminate()
    return ended
  }
  return { pause, resume, disconnectedSince: () => disconnectedSince, close }
}

function subscribe(connected: WebSocket, symbols: readonly string[]): void {
  for (const symbol of symbols) connected.send(JSON.stringify({ type: 'subscribe', symbol }))
}

type Listeners = Readonly<{
  opened: (socket: WebSocket) => void
  heard: (message: RawData) => void
  alive: () => void
  /** To a ping of ours: what we sent with it. */
  answered: (text: string) => void
  onOversized: () => void
}>

/** One connection; `ended` gives the reason of its end. */
function connect(url: string, listeners: Listeners) {
  const { opened, heard, alive, answered, onOversized } = listeners
  const socket = new WebSocket(url, socketOptions)
  const ended = new Promise<string>((resolve) => {
    let fault: string | undefined
    socket.on('open', () => opened(socket))
    socket.on('message', heard)
    socket.on('ping', alive)
    socket.on('pong', (text) => answered(String(text)))
    socket.on('error', (error) => {
      if (isOversized(error)) onOversized()
      fault = error.message
    })
    socket.on('close', (code) => resolve(fault ?? `closed with code ${code}`))
  })
  return { socket, ended }
}

/** Text that isn't UTF-8 is a message to reject, and no reason to lose the connection. */
const socketOptions = {
  handshakeTimeout: connectMsMax,
  maxPayload: receivedBytesMax,
  skipUTF8Validation: true,
}

const isOversized = (error: Error): boolean =>
  'code' in error && error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'

function toBuffer(message: RawData): Buffer {
  if (Buffer.isBuffer(message)) return message
  return Array.isArray(message) ? Buffer.concat(message) : Buffer.from(message)
}
