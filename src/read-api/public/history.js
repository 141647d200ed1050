import { pathOf, read } from './api.js'

const pageCandlesMax = 300

/** The loaded candles of a symbol, oldest first, without missing ones up to the newest. */
export function candleHistory(symbol, interval) {
  let candles = []
  /** The cursor of the next older page; null if there is no older page. */
  let before

  const page = async (query, signal) => {
    const path = pathOf('candles', symbol, { interval, limit: pageCandlesMax, ...query })
    const { data, pagination } = await read(path, { signal })
    return { page: data.reverse(), next: pagination.next_cursor }
  }
  /** A candle only gains trades: of two versions, the one with more trades is the newer. */
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
  /** The stream may know by now that this very version is incomplete, or complete. */
  const isLive = ({ start, trade_count }) =>
    candles.at(-1)?.start === start && candles.at(-1).trade_count === trade_count
  const isApart = (page) =>
    page.length > 0 && candles.length > 0 && page[0].start > candles.at(-1).start

  return {
    candles: () => candles,
    hasOlder: () => typeof before === 'string',
    put,
    loadNewest: async (signal) => {
      const newest = await page({}, signal)
      if (before === undefined || isApart(newest.page)) {
        const live = before === undefined ? candles : []
        candles = newest.page
        before = newest.next
        live.forEach(put)
      } else newest.page.filter((candle) => !isLive(candle)).forEach(put)
    },
    loadOlder: async (signal) => {
      const older = await page({ before }, signal)
      candles = [...older.page, ...candles]
      before = older.next
    },
  }
}
