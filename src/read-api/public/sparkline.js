const svg = 'http://www.w3.org/2000/svg'
const pointsMax = 120
const width = 120
const height = 24

/** A line of the latest prices, oldest on the left. */
export function sparkline() {
  const image = document.createElementNS(svg, 'svg')
  image.setAttribute('viewBox', `0 -1 ${width} ${height + 2}`)
  image.setAttribute('preserveAspectRatio', 'none')
  image.setAttribute('aria-hidden', 'true')
  const line = document.createElementNS(svg, 'polyline')
  image.append(line)
  let prices = []
  const draw = () => {
    line.setAttribute('points', pointsOf(prices))
    image.dataset.direction = prices.at(-1) < prices[0] ? 'down' : 'up'
  }
  return {
    image,
    pointsMax,
    fill: (older) => {
      prices = older.slice(-pointsMax)
      draw()
    },
    add: (price) => {
      prices.push(price)
      if (prices.length > pointsMax) prices.shift()
      draw()
    },
  }
}

function pointsOf(prices) {
  const low = Math.min(...prices)
  const range = Math.max(...prices) - low
  const step = width / Math.max(1, prices.length - 1)
  const y = (price) => (range === 0 ? height / 2 : height * (1 - (price - low) / range))
  return prices.map((price, at) => `${(at * step).toFixed(1)},${y(price).toFixed(1)}`).join(' ')
}
