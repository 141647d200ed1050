const retryMs = 1_000

/**
 * Ticks of every symbol and their open candles of one interval, as they happen. A stream that ends,
 * for whatever reason, is opened again: each one begins with all there is.
 */
export function live({ onTick, onCandle, onOpen, onLost }) {
  let source
  let retry
  const open = (interval) => {
    clearTimeout(retry)
    source?.close()
    source = new EventSource(`/api/v1/stream?${new URLSearchParams({ interval })}`)
    source.addEventListener('open', onOpen)
    source.addEventListener('tick', ({ data }) => onTick(JSON.parse(data)))
    source.addEventListener('candle', ({ data }) => onCandle(JSON.parse(data)))
    source.addEventListener('error', () => {
      source.close()
      onLost()
      retry = setTimeout(open, retryMs, interval)
    })
  }
  return { open }
}
