import { pathOf, read } from './api.js'
import { element } from './element.js'
import { directionOf, formatDecimal, formatVolume, fractionDigits, timeOf } from './format.js'
import { panel } from './panel.js'
import { refresher } from './refresher.js'

const tradesMax = 60
const everyMs = 400

/** The latest trades of the chosen symbol. */
export function tape() {
  const shown = panel('tape', { emptyText: 'Trades of the chosen symbol appear here.' })
  const body = shown.find('tbody')
  // A list that scrolls must be reachable by keyboard.
  Object.assign(shown.find('.scroll'), { role: 'group', tabIndex: 0, ariaLabel: 'Latest trades' })
  let refresh
  return {
    open: (symbol) => {
      refresh?.stop()
      body.replaceChildren()
      shown.loading('Loading')
      const path = pathOf('trades', symbol, { limit: tradesMax })
      const load = async (signal) => {
        const { data } = await read(path, { signal })
        body.replaceChildren(...linesOf(data))
        if (data.length > 0) shown.ready()
        else shown.empty('No trades yet.')
      }
      refresh = refresher({ load, everyMs, onError: ({ message }) => shown.error(message) })
      refresh.ask()
    },
    refresh: () => refresh?.ask(),
  }
}

function linesOf(trades) {
  const digits = Math.max(...trades.map(({ price }) => fractionDigits(price)))
  return trades.map((trade, at) => {
    const price = element('td', {}, formatDecimal(trade.price, digits))
    price.dataset.direction = directionOf(trade.price - (trades[at + 1] ?? trade).price)
    return element(
      'tr',
      { title: `${trade.source} ${trade.conditions.join(' ')}` },
      element('td', {}, timeOf(trade.timestamp)),
      price,
      element('td', {}, formatVolume(trade.volume)),
    )
  })
}
