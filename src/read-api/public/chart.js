import { fractionDigits } from './format.js'
import {
  CandlestickSeries,
  createChart,
  HistogramSeries,
  LineSeries,
} from './lightweight-charts.js'

/** Older candles are loaded when fewer than this are loaded to the left of the visible ones. */
const nearStartCandles = 40
const scrollCandles = 10
const zoom = 1.25

/** A chart of candles with their VWAP and volume. Text becomes numbers only here, for drawing. */
export function candleChart(container, { onHover, onNearStart }) {
  const chart = createChart(container, {
    autoSize: true,
    localization: { locale: 'en' },
    // The logo brings a style element, which the page's policy refuses; the footer has the link.
    layout: { attributionLogo: false },
  })
  const series = {
    // Shades the whole height behind an incomplete candle; first, so that the others cover it.
    interruptions: chart.addSeries(HistogramSeries, {
      priceScaleId: 'interruptions',
      lastValueVisible: false,
      priceLineVisible: false,
      autoscaleInfoProvider: () => ({ priceRange: { minValue: 0, maxValue: 1 } }),
    }),
    volume: chart.addSeries(HistogramSeries, {
      priceScaleId: '',
      priceFormat: { type: 'volume' },
      lastValueVisible: false,
      priceLineVisible: false,
    }),
    candles: chart.addSeries(CandlestickSeries, { borderVisible: false }),
    vwap: chart.addSeries(LineSeries, {
      lineWidth: 1,
      lastValueVisible: false,
      priceLineVisible: false,
      crosshairMarkerVisible: false,
    }),
  }
  series.interruptions.priceScale().applyOptions({ scaleMargins: { top: 0, bottom: 0 } })
  series.volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } })
  series.candles.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: 0.22 } })
  const time = chart.timeScale()
  time.applyOptions({ timeVisible: true, rightOffset: 4, barSpacing: 9, minBarSpacing: 1 })

  let colours = {}
  let drawn = []
  const draw = (candles) => {
    drawn = candles
    const digits = drawnDigits(candles)
    // The chart's own formatter shows 0.99999999997 for a price of 0.00000000175.
    const formatter = (price) => price.toFixed(Math.max(0, digits)).replace('-', '−')
    const minMove = Number(`1e${-digits}`)
    series.candles.applyOptions({ priceFormat: { type: 'custom', formatter, minMove } })
    series.interruptions.setData(candles.map((candle) => shadeOf(candle, colours)))
    series.candles.setData(candles.map(barOf))
    series.vwap.setData(candles.map(vwapOf))
    series.volume.setData(candles.map((candle) => volumeOf(candle, colours)))
  }
  const update = (candle) => {
    const isOld = drawn.length > 0 && candle.start < drawn.at(-1).start
    series.interruptions.update(shadeOf(candle, colours), isOld)
    series.candles.update(barOf(candle), isOld)
    series.vwap.update(vwapOf(candle), isOld)
    series.volume.update(volumeOf(candle, colours), isOld)
  }

  const paint = () => {
    colours = coloursOf(container)
    chart.applyOptions(chartColours(colours))
    const { up, down, vwap } = colours
    series.candles.applyOptions({
      upColor: up,
      wickUpColor: up,
      downColor: down,
      wickDownColor: down,
    })
    series.vwap.applyOptions({ color: vwap })
    draw(drawn)
  }
  paint()
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paint)

  chart.subscribeCrosshairMove(({ time }) => onHover(time))
  time.subscribeVisibleLogicalRangeChange((range) => {
    if (range !== null && range.from < nearStartCandles) onNearStart()
  })
  container.addEventListener('keydown', (event) => moveByKey(event, time))

  return { draw, update, showLatest: () => time.scrollToRealTime() }
}

export const timeOfCandle = ({ start }) => Date.parse(start) / 1_000

function shadeOf(candle, { shade }) {
  const time = timeOfCandle(candle)
  return candle.complete === false ? { time, value: 1, color: shade } : { time }
}

const doubleDigits = 15

/**
 * The fractional digits of the latest prices, as far as a number as large as the largest has them;
 * below zero if it lacks whole ones. For marks closer than its numbers the chart looks for ever.
 */
function drawnDigits(candles) {
  const wanted = Math.max(2, ...candles.slice(-100).map(({ close }) => fractionDigits(close)))
  const largest = Math.max(0, ...candles.flatMap(({ high, low }) => [high, low].map(Math.abs)))
  return Math.min(wanted, doubleDigits - 1 - Math.floor(Math.log10(largest)))
}

const barOf = (candle) => ({
  time: timeOfCandle(candle),
  open: Number(candle.open),
  high: Number(candle.high),
  low: Number(candle.low),
  close: Number(candle.close),
})

function vwapOf(candle) {
  const time = timeOfCandle(candle)
  return candle.vwap === null ? { time } : { time, value: Number(candle.vwap) }
}

const volumeOf = (candle, { upSoft, downSoft }) => ({
  time: timeOfCandle(candle),
  value: Number(candle.volume),
  color: Number(candle.close) < Number(candle.open) ? downSoft : upSoft,
})

function coloursOf(container) {
  const style = getComputedStyle(container)
  const names = ['up', 'down', 'up-soft', 'down-soft', 'vwap', 'shade', 'panel', 'muted', 'line']
  const camel = (name) => name.replace(/-(.)/, (_, letter) => letter.toUpperCase())
  return Object.fromEntries(names.map((name) => [camel(name), style.getPropertyValue(`--${name}`)]))
}

const chartColours = ({ panel, muted, line }) => ({
  layout: {
    background: { color: panel },
    textColor: muted,
    fontFamily: 'system-ui, sans-serif',
    fontSize: 11,
  },
  grid: { vertLines: { color: line }, horzLines: { color: line } },
  rightPriceScale: { borderColor: line },
  timeScale: { borderColor: line },
  crosshair: { mode: 0 },
})

function moveByKey(event, time) {
  const moves = {
    ArrowLeft: () => time.scrollToPosition(time.scrollPosition() - scrollCandles, false),
    ArrowRight: () => time.scrollToPosition(time.scrollPosition() + scrollCandles, false),
    End: () => time.scrollToRealTime(),
    '+': () => time.applyOptions({ barSpacing: time.options().barSpacing * zoom }),
    '-': () => time.applyOptions({ barSpacing: time.options().barSpacing / zoom }),
  }
  const move = moves[event.key]
  if (move === undefined) return
  event.preventDefault()
  move()
}
