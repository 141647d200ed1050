import { candleChart, timeOfCandle } from './chart.js'
import { element } from './element.js'
import { formatCount, formatDecimal, formatVolume, fractionDigits, minuteOf } from './format.js'
import { candleHistory } from './history.js'
import { panel } from './panel.js'
import { refresher } from './refresher.js'

export const intervals = ['1m', '5m', '15m', '1h', '4h', '1d']

/** The chart of the chosen symbol: scrolling back loads older candles; the open candle is live. */
export function candlePanel({ onInterval }) {
  const shown = panel('chart', { emptyText: 'Candles of the chosen symbol appear here.' })
  const canvas = shown.find('#canvas')
  Object.assign(canvas, { role: 'group', tabIndex: 0, ariaLabel: 'Candles' })
  let opened
  let hovered

  const describe = () => {
    const candles = opened.history.candles()
    const candle = candles.find((one) => timeOfCandle(one) === hovered) ?? candles.at(-1)
    shown.find('#candle').replaceChildren(...(candle === undefined ? [] : legend(candle)))
    const range = candle && `, ${candles.length} from ${minuteOf(candles[0].start)}`
    const count = candles.filter(({ complete }) => complete === false).length
    const incomplete = count === 0 ? '' : `, ${formatCount(count)} incomplete`
    canvas.ariaLabel = `${opened.symbol}: candles of ${opened.interval}${range ?? ''}${incomplete}`
    shown.find('#interruptions').hidden = count === 0
  }
  const chart = candleChart(canvas, {
    onHover: (time) => {
      hovered = time
      if (opened !== undefined) describe()
    },
    onNearStart: () => opened?.history.hasOlder() && opened.older.ask(),
  })
  const draw = () => {
    chart.draw(opened.history.candles())
    describe()
    if (opened.history.candles().length > 0) shown.ready()
    else shown.empty('No candles of this length yet.')
  }
  const switcher = intervalSwitch(shown.find('#intervals'), onInterval)

  const open = (symbol, interval) => {
    opened?.newest.stop()
    opened?.older.stop()
    const history = candleHistory(symbol, interval)
    const loader = (load) =>
      refresher({
        load: async (signal) => {
          await load(signal)
          draw()
        },
        everyMs: 100,
        onError: ({ message }) => shown.error(message),
      })
    const newest = loader(history.loadNewest)
    const older = loader((signal) => history.hasOlder() && history.loadOlder(signal))
    opened = { symbol, interval, history, newest, older }
    shown.find('h2').textContent = symbol
    switcher.select(interval)
    shown.loading('Loading')
    chart.draw([])
    chart.showLatest()
    newest.ask()
  }
  return {
    open,
    refresh: () => opened?.newest.ask(),
    put: (candle) => {
      if (opened?.symbol !== candle.symbol || opened.interval !== candle.interval) return
      const last = opened.history.candles().at(-1)
      if (!opened.history.put(candle)) return
      // What makes the open candle incomplete, or complete again, may concern others too.
      if (last !== undefined && last.complete !== candle.complete) opened.newest.ask()
      chart.update(candle)
      describe()
    },
  }
}

function legend(candle) {
  const digits = fractionDigits(candle.close)
  const price = (text) => formatDecimal(text, digits)
  const entries = [
    ['Start', minuteOf(candle.start)],
    ['O', price(candle.open)],
    ['H', price(candle.high)],
    ['L', price(candle.low)],
    ['C', price(candle.close)],
    ['VWAP', price(candle.vwap)],
    ['Vol', formatVolume(candle.volume)],
    ['Trades', formatCount(candle.trade_count)],
  ]
  if (candle.complete === false) entries.push(['Complete', 'no'])
  return entries.map(([name, value]) =>
    element(
      'div',
      name === 'Complete' ? { className: 'incomplete' } : {},
      element('dt', name === 'Start' ? { className: 'hidden' } : {}, name),
      element('dd', {}, value),
    ),
  )
}

/** Radio buttons: the browser's own arrow keys move between them. */
function intervalSwitch(fieldset, onInterval) {
  const inputs = intervals.map((value) =>
    element('input', { type: 'radio', name: 'interval', value }),
  )
  fieldset.append(
    ...inputs.map((input) => element('label', {}, input, element('span', {}, input.value))),
  )
  fieldset.addEventListener('change', ({ target }) => onInterval(target.value))
  return {
    select: (interval) => {
      for (const input of inputs) input.checked = input.value === interval
    },
  }
}
