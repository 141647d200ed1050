import type { UnixMs } from '../../domain/time.ts'

/** The end of a connection that was heard. */
export type Loss = Readonly<{
  /** Everything that the feed sent before this was heard. */
  from: UnixMs
  reason: 'disconnected' | 'silent'
  /** Whether the connection had held. */
  hadHeld: boolean
}>

/** What the socket reports of its connections, one after the other. */
export type Listening = Readonly<{
  /** A connection is open, and its subscriptions are sent; `ping` sends a frame that comes back. */
  opened: (ping: (text: string) => void) => void
  /** A message has come. To be called before it is passed on: it may end an interruption. */
  begins: () => void
  /** It has been passed on. */
  heard: () => void
  /** An answer to a ping. */
  answered: (text: string) => void
  /** The feed has sent a good message or a ping of its own. */
  works: () => void
  lost: (reason: Loss['reason']) => void
  /** Nobody listens any more, which is no loss. */
  stop: () => void
  /** As `from` of a loss now; while no connection is heard, as the last one; null before any. */
  heardUntil: () => UnixMs | null
}>

/** What is called as it happens to the connections. */
export type ListeningEvents = Readonly<{
  /** A new connection was heard for the first time, at `since`. */
  onListening: (since: UnixMs) => void
  /** The connection that is heard since then has held. */
  onHeld: (since: UnixMs) => void
  /** A connection that was heard is lost. */
  onLost: (loss: Loss) => void
}>

type Options = ListeningEvents &
  Readonly<{
    now: () => UnixMs
    /** A clock that nobody sets. */
    uptimeMs: () => number
    pingEveryMs: number
    /** A connection has held if the feed works so long after it was opened. */
    holdsAfterMs: number
  }>

/**
 * Finds out when the feed is listened to. The time at which a message is read doesn't say when it
 * was sent: a process that hung, or didn't read its socket, reads old messages first and learns
 * later that the connection is lost. So we ping the feed all the time: what the feed sent before
 * its answer comes before the answer. After a loss everything is known that was sent before the
 * last answered ping was sent, or before the last message if that is earlier (a proxy may answer
 * for a dead feed). The feed is heard from the first message or answer after the subscriptions on.
 */
export function trackListening(options: Options): Listening {
  const { now, uptimeMs, pingEveryMs, holdsAfterMs, onListening, onHeld, onLost } = options
  let since: UnixMs | undefined
  let hasHeld = false
  let openedAt = 0
  let openedUptimeMs = 0
  let messageAt = 0
  let answeredAt = 0
  let lostAt: UnixMs | null = null
  let pings: NodeJS.Timeout | undefined

  const heardUntil = () => (since === undefined ? lostAt : Math.min(messageAt, answeredAt))
  const begins = () => {
    if (since !== undefined) return
    since = now()
    messageAt = since
    answeredAt = openedAt
    onListening(since)
  }
  const opened: Listening['opened'] = (ping) => {
    openedAt = now()
    openedUptimeMs = uptimeMs()
    hasHeld = false
    ping(String(openedAt))
    pings = setInterval(() => ping(String(now())), pingEveryMs)
  }
  const works = () => {
    if (hasHeld || since === undefined || uptimeMs() - openedUptimeMs < holdsAfterMs) return
    hasHeld = true
    onHeld(since)
  }
  const lost = (reason: Loss['reason']) => {
    stop()
    if (since === undefined) return
    const from = Math.min(messageAt, answeredAt)
    lostAt = from
    since = undefined
    onLost({ from, reason, hadHeld: hasHeld })
  }
  const stop = () => clearInterval(pings)
  return {
    opened,
    begins,
    heard: () => {
      messageAt = now()
    },
    answered: (text) => {
      begins()
      const sentAt = Number(text)
      if (sentAt <= now()) answeredAt = Math.max(answeredAt, sentAt)
    },
    works,
    lost,
    stop,
    heardUntil,
  }
}
