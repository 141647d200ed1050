import { pathOf, read } from './api.js'
import { element } from './element.js'
import {
  directionOf,
  formatChange,
  formatCompact,
  formatCount,
  formatDecimal,
  fractionDigits,
} from './format.js'
import { panel } from './panel.js'
import { refresher } from './refresher.js'
import { sparkline } from './sparkline.js'

/** The table of all symbols, each with its latest tick. */
export function symbolTable({ onSelect }) {
  const shown = panel('symbols')
  const body = shown.find('tbody')
  const rows = new Map()
  const waiting = new Map()
  let selected
  const visibility = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) {
      rows.get(target.dataset.symbol).isVisible(isIntersecting)
    }
  })

  const rowOf = (symbol) => {
    const known = rows.get(symbol)
    if (known !== undefined) return known
    const row = symbolRow(symbol, onSelect)
    rows.set(symbol, row)
    row.select(symbol === selected)
    const next = [...body.children].find(({ dataset }) => dataset.symbol > symbol)
    body.insertBefore(row.line, next ?? null)
    visibility.observe(row.line)
    return row
  }
  const draw = () => {
    for (const [symbol, tick] of waiting) rowOf(symbol).draw(tick)
    waiting.clear()
    shown.ready()
  }
  /** Draws with the next frame, which may be after several ticks, or never in a hidden tab. */
  const put = (tick) => {
    if (waiting.size === 0) requestAnimationFrame(draw)
    waiting.set(tick.symbol, tick)
  }
  const load = async (signal) => {
    const { data } = await read('vwap', { signal })
    const isNews = ({ symbol, trade_count }) => trade_count > (rows.get(symbol)?.tradeCount() ?? 0)
    for (const tick of data) if (!waiting.has(tick.symbol) && isNews(tick)) put(tick)
    if (data.length === 0) shown.empty('No trades yet: a symbol appears here with its first.')
    else if (waiting.size === 0) shown.ready()
  }

  body.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' }[event.key]
    const line = step && event.target.closest('tr')[step]
    if (!line) return
    event.preventDefault()
    line.querySelector('button').focus()
    onSelect(line.dataset.symbol)
  })

  return {
    put,
    refresh: refresher({ load, everyMs: 1_000, onError: ({ message }) => shown.error(message) })
      .ask,
    select: (symbol) => {
      rows.get(selected)?.select(false)
      rows.get(symbol)?.select(true)
      selected = symbol
    },
  }
}

function symbolRow(symbol, onSelect) {
  const button = element(
    'button',
    { type: 'button', title: symbol, ariaPressed: 'false', tabIndex: -1 },
    symbol,
  )
  const line = element('tr', {}, element('th', { scope: 'row' }, button))
  line.dataset.symbol = symbol
  const spark = sparkline()
  const cells = ['line', 'price', 'change', 'vwap', 'count'].map((className) =>
    element('td', { className }),
  )
  const [image, price, change, vwap, count] = cells
  image.append(spark.image)
  line.append(...cells)
  line.addEventListener('click', () => onSelect(symbol))

  let last = { trade_count: 0 }
  let digits = 2
  let isLoaded = false
  const loadLine = async () => {
    isLoaded = true
    const query = { limit: spark.pointsMax }
    const { data } = await read(pathOf('trades', symbol, query)).catch(() => ({ data: [] }))
    if (data.length > 1) spark.fill(data.map((trade) => Number(trade.price)).reverse())
  }
  return {
    line,
    tradeCount: () => last.trade_count,
    isVisible: (isVisible) => isVisible && !isLoaded && loadLine(),
    select: (isSelected) => {
      button.ariaPressed = String(isSelected)
      button.tabIndex = isSelected ? 0 : -1
    },
    draw: (tick) => {
      digits = Math.max(digits, fractionDigits(tick.price))
      if (tick.trade_count !== last.trade_count) spark.add(Number(tick.price))
      if (tick.price !== last.price) price.dataset.direction = directionOf(tick.price - last.price)
      last = tick
      price.textContent = formatDecimal(tick.price, digits)
      change.textContent = formatChange(tick.change, digits)
      change.dataset.direction = directionOf(tick.change)
      vwap.textContent = formatDecimal(tick.vwap, digits)
      vwap.title = tick.vwap ?? 'no volume'
      count.textContent = formatCompact(tick.trade_count)
      count.title = formatCount(tick.trade_count)
    },
  }
}
