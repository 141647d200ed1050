export type PingWatch = Readonly<{
  /** Begins to watch a new connection. */
  start: () => void
  /** The feed has sent something. */
  alive: () => void
  /** We have sent a ping. */
  pinged: () => void
  /** An answer to a ping of ours has come: from the feed, or from a proxy. */
  answered: () => void
  /** While nobody listens, silence means nothing. */
  suspend: () => void
  resume: () => void
  stop: () => void
}>

/** A feed that leaves so many pings in a row unanswered, and says nothing else, is dead. */
const pingsUnansweredMax = 10
/** A feed that speaks, and has answered none of so many pings, never answers any. */
const pingsIgnoredMin = 3

/**
 * Calls `onSilence` once, with the reason, when a connection is dead: too many pings in a row are
 * not answered and nothing else is heard, or the feed itself has sent nothing for so long (a proxy
 * may answer for a dead feed). Pings are counted as they are sent: a process that was stopped or
 * busy has sent none meanwhile.
 */
export function createPingWatch(
  silenceMsMax: number,
  onSilence: (reason: string) => void,
): PingWatch {
  let heardAt = 0
  let timer: NodeJS.Timeout | undefined
  let immediate: NodeJS.Immediate | undefined
  let suspended = false
  let sent = 0
  let unanswered = 0
  let answers: boolean | undefined

  const leftMs = () => (suspended ? silenceMsMax : heardAt + silenceMsMax - performance.now())
  const look = () => {
    if (leftMs() > 0) timer = setTimeout(look, leftMs())
    else immediate = setImmediate(judge)
  }
  // After a turn of the event loop: a process that was busy has first to read what has arrived.
  const judge = () => {
    if (leftMs() > 0) look()
    else onSilence(`nothing was heard for ${silenceMsMax} ms`)
  }
  const judgePings = () => {
    if (isUnanswered()) onSilence(`${pingsUnansweredMax} pings in a row were not answered`)
  }
  const isUnanswered = () => !suspended && answers !== false && unanswered >= pingsUnansweredMax
  const pinged = () => {
    // The last of them has had its time until now.
    if (isUnanswered()) setImmediate(judgePings)
    sent++
    unanswered++
  }
  // Only a timestamp per message: the timer finds out later that it has to go on.
  const begin = () => {
    heardAt = performance.now()
    unanswered = 0
  }
  const alive = () => {
    begin()
    if (sent >= pingsIgnoredMin) answers ??= false
  }
  const answered = () => {
    answers = true
    unanswered = 0
  }
  const stop = () => {
    clearTimeout(timer)
    clearImmediate(immediate)
    unanswered = 0
  }
  const start = () => {
    stop()
    sent = 0
    answers = undefined
    begin()
    timer = setTimeout(look, silenceMsMax)
  }
  const resume = () => {
    suspended = false
    begin()
  }
  return {
    start,
    alive,
    pinged,
    answered,
    suspend: () => {
      suspended = true
    },
    resume,
    stop,
  }
}
