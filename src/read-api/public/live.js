const firstRetryMs = 1_000
const retryMsMax = 10_000
/** A stream that has stayed open for so long has ended the row of failures before it. */
const lastingMs = 10_000

/**
 * Streams the ticks of every symbol and the open candles of one interval. A stream that ends is
 * always opened again, ever later while none stays open; each begins with the full state.
 */
export function live({ onTick, onCandle, onOpen, onLost }) {
  let source
  let retry
  let lasting
  let failures = 0
  const opened = () => {
    lasting = setTimeout(() => {
      failures = 0
    }, lastingMs)
    onOpen()
  }
  const open = (interval) => {
    clearTimeout(retry)
    clearTimeout(lasting)
    source?.close()
    source = new EventSource(`/api/v1/stream?${new URLSearchParams({ interval })}`)
    source.addEventListener('open', opened)
    source.addEventListener('tick', ({ data }) => onTick(JSON.parse(data)))
    source.addEventListener('candle', ({ data }) => onCandle(JSON.parse(data)))
    source.addEventListener('error', () => {
      source.close()
      clearTimeout(lasting)
      onLost()
      const wholeMs = Math.min(firstRetryMs * 2 ** failures, retryMsMax)
      failures += 1
      // Half of it is random, so that many pages don't come back at the same moment.
      retry = setTimeout(open, wholeMs * (0.5 + Math.random() / 2), interval)
    })
  }
  return { open }
}
