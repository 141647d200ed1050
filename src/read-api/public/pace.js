import { formatCount } from './format.js'

const everyMs = 1_000
const samplesMax = 6

/** Shows the number of trades over all symbols, and how many arrive per second. */
export function pace() {
  const shown = document.getElementById('pace')
  const counts = new Map()
  const samples = []
  const show = () => {
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
    if (total === 0) return
    samples.push({ total, at: performance.now() })
    if (samples.length > samplesMax) samples.shift()
    const seconds = (samples.at(-1).at - samples[0].at) / 1_000
    const rate = seconds === 0 ? 0 : (total - samples[0].total) / seconds
    shown.textContent = `${formatCount(total)} trades · ${formatCount(Math.max(0, rate))}/s`
  }
  setInterval(show, everyMs)
  return { put: ({ symbol, trade_count }) => counts.set(symbol, trade_count) }
}
