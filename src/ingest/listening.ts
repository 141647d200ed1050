import type { UnixMs } from '../domain/time.ts'

/** A span in which the feed was not listened to. */
export type Gap = Readonly<{
  /** Everything that the feed sent before this was heard. */
  from: UnixMs
  until: UnixMs
  reason: GapReason
}>

export type GapReason = 'disconnected' | 'silent' | 'ingest not running'

type Loss = Pick<Gap, 'from' | 'reason'>

/** Told by the feed what happens to its connections, one after the other. */
export type Listening = Readonly<{
  /** A connection is open, and its subscriptions are sent; `ping` sends a frame that comes back. */
  opened: (ping: (text: string) => void) => void
  /** A message has come. Before it is passed on, the gap it ends is told. */
  heard: () => void
  /** An answer to a ping. */
  answered: (text: string) => void
  lost: (reason: Loss['reason']) => void
}>

type Options = Readonly<{
  now: () => UnixMs
  pingEveryMs: number
  /** Once per connection that was heard: the gap since the one before, and when this one began. */
  onListening: (since: UnixMs, gap: Gap | undefined) => void
}>

/**
 * Finds the gaps between the connections to a feed. When a message was read says nothing of when
 * it was sent: a process that hung, or left the socket unread, reads old ones first and then learns
 * that the connection is gone. So pings of our own are on the way all the time: all that the feed
 * had sent when it answered one stands before the answer. A gap begins when the last answered ping
 * was sent or, where that is earlier, with the last message, as a proxy may answer for a feed that
 * is dead. It ends with the first message or answer behind the subscriptions.
 */
export function trackListening({ now, pingEveryMs, onListening }: Options): Listening {
  let isListening = false
  let openedAt = 0
  let messageAt = 0
  let answeredAt = 0
  let loss: Loss | undefined
  let pings: NodeJS.Timeout | undefined

  const begin = () => {
    if (isListening) return
    isListening = true
    const until = now()
    messageAt = until
    answeredAt = openedAt
    // A clock that was set back must not make a span that ends before it begins.
    onListening(until, loss && { ...loss, from: Math.min(loss.from, until), until })
    loss = undefined
  }
  const lost = (reason: Loss['reason']) => {
    clearInterval(pings)
    if (isListening) loss = { from: Math.min(messageAt, answeredAt), reason }
    isListening = false
  }
  return {
    opened: (ping) => {
      openedAt = now()
      ping(String(openedAt))
      pings = setInterval(() => ping(String(now())), pingEveryMs)
    },
    heard: () => {
      begin()
      messageAt = now()
    },
    answered: (text) => {
      begin()
      const sentAt = Number(text)
      if (sentAt <= now()) answeredAt = Math.max(answeredAt, sentAt)
    },
    lost,
  }
}
