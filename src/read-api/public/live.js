const retryMs = 1_000

/**
 * Streams the ticks of every symbol and the open candles of one interval. A stream that ends is
 * always opened again; each begins with the full state.
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
