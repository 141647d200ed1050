import { pathOf, read } from './api.js'
import { refresher } from './refresher.js'

/** Ticks of every symbol, and the open candle of the chosen one. */
export const live = ({ onTick, onCandle, onOpen, onLost }) => {
  let choice
  const load = async (signal) => {
    const { data } = await read('vwap', { signal })
    onOpen()
    data.forEach(onTick)
    if (choice?.symbol !== undefined) {
      const { symbol, interval } = choice
      const page = await read(pathOf('candles', symbol, { interval, limit: 1 }), { signal })
      for (const candle of page.data) onCandle({ ...candle, symbol, interval })
    }
    ticks.ask()
  }
  const ticks = refresher({ load, everyMs: 500, onError: onLost })
  ticks.ask()
  return {
    choose: (chosen) => {
      choice = chosen
    },
  }
}
