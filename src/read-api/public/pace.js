import { formatCount } from './format.js'

const everyMs = 1_000
const samplesMax = 6

/**
 * Shows the number of trades over all symbols, and how many arrive per second. If no trades are
 * expected, no rate is shown: 0/s would look as if there were only none at the moment.
 */
export function pace() {
  const shown = document.getElementById('pace')
  const counts = new Map()
  const samples = []
  let areExpected = false
  const show = () => {
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
    if (total === 0) return
    samples.push({ total, at: performance.now() })
    if (samples.length > samplesMax) samples.shift()
    const seconds = (samples.at(-1).at - samples[0].at) / 1_000
    const rate = seconds === 0 ? 0 : Math.max(0, (total - samples[0].total) / seconds)
    const perSecond = areExpected || rate > 0 ? ` · ${formatCount(rate)}/s` : ''
    shown.textContent = `${formatCount(total)} trades${perSecond}`
  }
  setInterval(show, everyMs)
  return {
    put: ({ symbol, trade_count }) => counts.set(symbol, trade_count),
    expectTrades: (are) => {
      areExpected = are
    },
  }
}
