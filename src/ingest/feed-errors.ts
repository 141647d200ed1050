import type { Logger } from 'pino'
import type { UnixMs } from '../domain/time.ts'

type Options = Readonly<{
  source: string
  /** Takes the secrets out of a text: a feed may repeat the token that it refuses. */
  redact: (text: string) => string
  logger: Logger
  now: () => UnixMs
  /** A clock that nobody sets. */
  uptimeMs: () => number
}>

/** What a feed itself says is wrong: logged at the first, then seldom. */
export type FeedErrors = Readonly<{
  said: (error: string | undefined) => void
  connected: () => void
  /** A connection on which the feed said nothing of that kind ends it. */
  held: () => void
  /** The latest; null if there was none. */
  current: () => Readonly<{ problem: string; since: UnixMs }> | null
}>

const logEveryMs = 60_000

/**
 * A refused subscription is refused as long as the connection lasts, so an error isn't over before
 * another connection has held without one.
 */
export function trackFeedErrors(options: Options): FeedErrors {
  const { source, redact, logger, now, uptimeMs } = options
  let last: Readonly<{ problem: string; since: UnixMs }> | null = null
  let isOfConnection = false
  let loggedAt = Number.NEGATIVE_INFINITY
  let unlogged = 0

  const said = (text = 'something is wrong') => {
    const error = redact(text)
    last = { problem: `it says: ${error}`, since: last?.since ?? now() }
    isOfConnection = true
    unlogged++
    if (uptimeMs() - loggedAt < logEveryMs) return
    logger.warn({ source, error, errors: unlogged }, 'feed reports an error')
    loggedAt = uptimeMs()
    unlogged = 0
  }
  return {
    said,
    connected: () => {
      isOfConnection = false
    },
    held: () => {
      if (!isOfConnection) last = null
    },
    current: () => last,
  }
}
