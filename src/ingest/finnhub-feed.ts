import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type RawData, WebSocket } from 'ws'
import { type Backoff, backoffMs } from '../runtime/backoff.ts'
import { feedAddress } from './feed-address.ts'
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
  logger: Logger
  random: () => number
}>

export type FinnhubFeed = Readonly<{
  /**
   * Stops reading the socket, so that the feed has to wait. Messages that were read with the one
   * before may still come. The ping watch is suspended.
   */
  pause: () => void
  resume: () => void
  isConnected: () => boolean
  close: () => Promise<void>
}>

const connectMsMax = 10_000
/** Far above what is parsed, so that a message too large for that is received, judged, and gone. */
const receivedBytesMax = 16 * 1024 * 1024

/** Keeps a connection to a feed that speaks Finnhub's protocol, subscribed to the symbols. */
export const openFinnhubFeed = (options: FinnhubFeedOptions): FinnhubFeed => {
  const { backoff, logger, random } = options
  const address = feedAddress(options.url, options.token)
  const closing = new AbortController()
  const silenceMsMax = 2.5 * options.pingEveryMs
  let socket: WebSocket | undefined
  let fault: string | undefined
  let failures = 0
  let paused = false

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
    options.onConnected()
    logger.info({ feed: address.shown, symbols: options.symbols.length }, 'feed connected')
    for (const symbol of options.symbols) {
      connected.send(JSON.stringify({ type: 'subscribe', symbol }))
    }
    watch.start()
    if (paused) pause()
  }
  const heard = (message: RawData) => {
    if (closing.signal.aborted) return
    watch.alive()
    if (options.onMessage(toBuffer(message))) failures = 0
  }
  /** One connection, to its end; gives the reason of that. */
  const connection = () =>
    new Promise<string>((resolve) => {
      const connecting = new WebSocket(address.url, socketOptions)
      fault = undefined
      connecting.on('open', () => opened(connecting))
      connecting.on('message', heard)
      connecting.on('ping', watch.alive)
      connecting.on('error', (error) => {
        if (isOversized(error)) options.onOversized()
        fault ??= error.message
      })
      connecting.on('close', (code) => resolve(fault ?? `closed with code ${code}`))
      socket = connecting
    })
  const keepConnected = async () => {
    while (!closing.signal.aborted) {
      const reason = address.redact(await connection())
      watch.stop()
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
  return {
    pause,
    resume,
    isConnected: () => socket?.readyState === WebSocket.OPEN,
    close,
  }
}

/** Text that isn't UTF-8 is a message to reject, and no reason to lose the connection. */
const socketOptions = {
  handshakeTimeout: connectMsMax,
  maxPayload: receivedBytesMax,
  skipUTF8Validation: true,
}

const isOversized = (error: Error): boolean =>
  'code' in error && error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'

const toBuffer = (message: RawData): Buffer => {
  if (Buffer.isBuffer(message)) return message
  return Array.isArray(message) ? Buffer.concat(message) : Buffer.from(message)
}
