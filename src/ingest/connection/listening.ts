import type { UnixMs } from '../../domain/time.ts'

/** A span in which the feed was not listened to. */
export type Interruption = Readonly<{
  /** Everything that the feed sent before this was heard. */
  from: UnixMs
  until: UnixMs
  reason: InterruptionReason
}>

type InterruptionReason = 'disconnected' | 'silent' | 'ingest not running'

type Loss = Pick<Interruption, 'from' | 'reason'>

/** What the socket reports of its connections, one after the other. */
type Listening = Readonly<{
  /** A connection is open, and its subscriptions are sent; `ping` sends a frame that comes back. */
  opened: (ping: (text: string) => void) => void
  /** A message has come. To be called before it is passed on: it may end an interruption. */
  heard: () => void
  /** An answer to a ping. */
  answered: (text: string) => void
  lost: (reason: Loss['reason']) => void
}>

type Options = Readonly<{
  now: () => UnixMs
  pingEveryMs: number
  /** Called once for each connection that was heard: when it was, and what it interrupted. */
  onListening: (since: UnixMs, interruption: Interruption | undefined) => void
}>

/**
 * Finds the interruptions between the connections to a feed. The time at which a message is read
 * doesn't say when it was sent: a process that hung, or didn't read its socket, reads old messages
 * first and learns later that the connection is lost. So we ping the feed all the time: what the
 * feed sent before its answer comes before the answer. An interruption begins when the last
 * answered ping was sent, or with the last message if that is earlier (a proxy may answer for a
 * dead feed). It ends with the first message or answer after the subscriptions.
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
