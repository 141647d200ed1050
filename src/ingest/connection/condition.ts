import type { UnixMs } from '../../domain/time.ts'
import type { FeedCondition } from '../feed.ts'

type Condition = Pick<FeedCondition, 'state' | 'since' | 'problem'>

/** Failures in a row, which ends when a connection has held. */
type Failures = Readonly<{
  count: number
  since: UnixMs
  /** What the latest one was. */
  problem: string
  /** That connections are lost before they have held, if any was. */
  flapping: Readonly<{ count: number; problem: string }> | undefined
}>

/** What the connections to a feed, one after the other, tell of its condition. */
export function trackCondition({ source, now }: Readonly<{ source: string; now: () => UnixMs }>) {
  let state: Condition['state'] = 'connecting'
  let since = now()
  let hasHeld = false
  let failures: Failures | undefined

  const enter = (next: Condition['state']) => {
    if (next !== state) since = now()
    state = next
  }
  const opened = () => {
    enter('connected')
    hasHeld = false
  }
  /** Ends the failures; answers how many there were, and whether connections didn't hold. */
  const held = () => {
    const ended = { failures: failures?.count ?? 0, flapped: failures?.flapping !== undefined }
    hasHeld = true
    failures = undefined
    return ended
  }
  /** Answers how many failures there are by now. */
  const failed = (reason: string): number => {
    const wasConnected = state === 'connected'
    const flapping =
      wasConnected && !hasHeld ? flappingOf(failures?.flapping, reason) : failures?.flapping
    const lost = hasHeld ? `the connection was lost: ${reason}` : (flapping?.problem ?? reason)
    failures = {
      count: (failures?.count ?? 0) + 1,
      since: failures?.since ?? (wasConnected ? now() : since),
      problem: wasConnected ? lost : refusalOf(reason, source),
      flapping,
    }
    enter('disconnected')
    return failures.count
  }
  const current = (): Condition => {
    const problem = state === 'connected' ? flapOf(failures) : failures?.problem
    if (failures === undefined || problem === undefined) return { state, since, problem: null }
    return { state, since: failures.since, problem }
  }
  const closed = () => enter('disconnected')
  return { opened, held, failed, closed, current }
}

/** The first connection that is lost early may be an accident. */
const flapOf = (failures: Failures | undefined): string | undefined =>
  failures?.flapping && failures.flapping.count > 1 ? failures.flapping.problem : undefined

function flappingOf(before: Failures['flapping'], reason: string): Failures['flapping'] {
  const count = (before?.count ?? 0) + 1
  const lost = count === 1 ? 'the last connection was lost' : `${count} connections were lost`
  return { count, problem: `it connects, but doesn't hold: ${lost}: ${reason}` }
}

/** Why there is no connection, and what to do. */
function refusalOf(reason: string, source: string): string {
  const status = /^Unexpected server response: (\d+)/.exec(reason)?.[1]
  if (status === undefined) {
    return `it can't be reached: ${reason}: is ${source}.url right, is the network up?`
  }
  if (status === '401' || status === '403') {
    return `it refuses with ${status}: is ${source}'s token right?`
  }
  if (status === '429') {
    return 'it answers 429: too many connections, is the token in use elsewhere?'
  }
  return `it answers ${status}: is ${source}.url right?`
}
