import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type RawData, WebSocket } from 'ws'
import { TradelogError } from '../../domain/errors.ts'
import type { UnixMs } from '../../domain/time.ts'
import { type Backoff, backoffMs } from '../../runtime/backoff.ts'
import type { Feed, FeedCondition, FeedSettings } from '../feed.ts'
import { type Interruption, trackListening } from './listening.ts'
import { createPingWatch } from './ping-watch.ts'

export type FeedSocketOptions = Pick<FeedSettings, 'source' | 'symbols'> &
  Readonly<{
    protocol: Pick<FeedSettings['protocol'], 'url' | 'pingEveryMs' | 'subscribe'>
    backoff: Backoff
    /** Answers whether the message was good, which ends a series of failures. Must not throw. */
    onMessage: (message: Buffer) => boolean
    /** A message was too large to be received: the connection is lost with it. */
    onOversized: () => void
    onConnected: () => void
    /**
     * A new connection was heard for the first time, at `since`. The interruption lies between it
     * and the connection before. Called before `onMessage` gets the first message.
     */
    onListening: (since: UnixMs, interruption: Interruption | undefined) => void
    logger: Logger
    now: () => UnixMs
    random: () => number
  }>

const connectMsMax = 10_000
/** How often we ping: an interruption may begin this much too early. */
const ownPingEveryMs = 1_000
/** Far above what is parsed, so that a message too large for that is received, judged, and gone. */
const receivedBytesMax = 16 * 1024 * 1024

/** Keeps a connection to a feed of any protocol, subscribed to the symbols. */
export function openFeedSocket(options: FeedSocketOptions): Feed {
  const { protocol, backoff, logger, random } = options
  const address = feedAddress(options.source, protocol.url)
  const closing = new AbortController()
  const silenceMsMax = 2.5 * protocol.pingEveryMs
  let socket: WebSocket | undefined
  let fault: string | undefined
  let failures = 0
  let paused = false
  const condition = trackCondition(options.now)

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
    condition.enter('connected')
    options.onConnected()
    logger.info({ feed: address.shown, symbols: options.symbols.length }, 'feed connected')
    for (const frame of protocol.subscribe(options.symbols)) connected.send(frame)
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
      condition.enter('disconnected')
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
  return { pause, resume, condition: condition.current, close }
}

function trackCondition(now: () => UnixMs) {
  let state: FeedCondition['state'] = 'connecting'
  let since = now()
  return {
    enter: (next: typeof state) => {
      if (next !== state) since = now()
      state = next
    },
    current: (): FeedCondition => ({ ...unknown, state, since }),
  }
}

/** What a connection alone doesn't tell. */
const unknown = { problem: null, heardUntil: null, lastTradeAt: null, interruption: null } as const

type FeedAddress = Readonly<{
  /** With the token: for the socket alone. */
  url: string
  /** Without query and user: for logs. */
  shown: string
  /** Takes the secrets of the address out of a text that somebody else wrote. */
  redact: (text: string) => string
}>

/** Throws `CONFIG_INVALID`, without repeating the address: it may hold a token. */
export function feedAddress(source: string, url: string): FeedAddress {
  const address = URL.canParse(url) ? new URL(url) : undefined
  if (address?.protocol !== 'ws:' && address?.protocol !== 'wss:') {
    throw new TradelogError('CONFIG_INVALID', `${source}.url: must be a ws:// or wss:// address`)
  }
  address.hash = ''
  const secrets = [...address.searchParams.values(), address.password].filter((text) => text !== '')
  const spellings = secrets.flatMap((secret) => [secret, encodeURIComponent(secret)])
  return {
    url: address.href,
    shown: `${address.protocol}//${address.host}${address.pathname}`,
    redact: (text) => spellings.reduce((clean, secret) => clean.replaceAll(secret, '***'), text),
  }
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
