type PingWatch = Readonly<{
  /** Begins to watch a new connection. */
  start: () => void
  /** Something was heard. */
  alive: () => void
  /** While nobody listens, silence means nothing. */
  suspend: () => void
  resume: () => void
  stop: () => void
}>

/** Calls `onSilence` once when a connection was silent for this long. */
export function createPingWatch(silenceMsMax: number, onSilence: () => void): PingWatch {
  let heardAt = 0
  let timer: NodeJS.Timeout | undefined
  let immediate: NodeJS.Immediate | undefined
  let suspended = false

  const leftMs = () => (suspended ? silenceMsMax : heardAt + silenceMsMax - performance.now())
  const look = () => {
    if (leftMs() > 0) timer = setTimeout(look, leftMs())
    else immediate = setImmediate(judge)
  }
  // After a turn of the event loop: a process that was busy has first to read what has arrived.
  const judge = () => {
    if (leftMs() > 0) look()
    else onSilence()
  }
  // Only a timestamp per message: the timer finds out later that it has to go on.
  const alive = () => {
    heardAt = performance.now()
  }
  const stop = () => {
    clearTimeout(timer)
    clearImmediate(immediate)
  }
  const start = () => {
    stop()
    alive()
    timer = setTimeout(look, silenceMsMax)
  }
  const resume = () => {
    suspended = false
    alive()
  }
  return {
    start,
    alive,
    suspend: () => {
      suspended = true
    },
    resume,
    stop,
  }
}
