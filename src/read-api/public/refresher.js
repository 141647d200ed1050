const retryMs = 2_000

/**
 * `ask` runs `load(signal)`: one at a time, at most every `everyMs`. If a run fails, or `ask` is
 * called during it, another run follows.
 */
export function refresher({ load, everyMs, onError }) {
  const controller = new AbortController()
  let timer
  let isRunning = false
  let isAsked = false
  const run = async () => {
    isRunning = true
    isAsked = false
    let waitMs = everyMs
    try {
      await load(controller.signal)
    } catch (error) {
      if (controller.signal.aborted) return
      onError(error)
      isAsked = true
      waitMs = Math.max(retryMs, everyMs)
    }
    timer = setTimeout(() => {
      isRunning = false
      if (isAsked) run()
    }, waitMs)
  }
  return {
    ask: () => {
      isAsked = true
      if (!isRunning && !controller.signal.aborted) run()
    },
    stop: () => {
      controller.abort()
      clearTimeout(timer)
    },
  }
}
