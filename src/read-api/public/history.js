import { pathOf, read } from './api.js'

const pageCandlesMax = 300

/** The candles of a symbol that are loaded, oldest first and without a gap up to the newest. */
export function candleHistory(symbol, interval) {
  let candles = []
  /** Where the page before the oldest one begins; null where there is none. */
  let before

  const page = async (query, signal) => {
    const path = pathOf('candles', symbol, { interval, limit: pageCandlesMax, ...query })
    const { data, pagination } = await read(path, { signal })
    return { page: data.reverse(), next: pagination.next_cursor }
  }
  /** A candle only ever gains trades: of two states, the one with more of them is the later. */
  const put = (candle) => {
    const at = candles.findLastIndex(({ start }) => start <= candle.start)
    if (candles[at]?.start === candle.start) {
      if (candles[at].trade_count > candle.trade_count) return false
      candles[at] = candle
      return true
    }
    const isBeforeAll = at === -1 && candles.length > 0
    if (!isBeforeAll) candles.splice(at + 1, 0, candle)
    return !isBeforeAll
  }
  const isGap = (page) =>
    page.length > 0 && candles.length > 0 && page[0].start > candles.at(-1).start

  return {
    candles: () => candles,
    hasOlder: () => typeof before === 'string',
    put,
    loadNewest: async (signal) => {
      const newest = await page({}, signal)
      if (before === undefined || isGap(newest.page)) {
        const live = before === undefined ? candles : []
        candles = newest.page
        before = newest.next
        live.forEach(put)
      } else newest.page.forEach(put)
    },
    loadOlder: async (signal) => {
      const older = await page({ before }, signal)
      candles = [...older.page, ...candles]
      before = older.next
    },
  }
}
