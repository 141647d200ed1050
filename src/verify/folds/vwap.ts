import type { RecordedTrade } from '../../domain/recorded-event.ts'
import type { TradeExecuted } from '../../domain/trade-executed.ts'
import { exact, minus, nothing, placesOf, plus, ratio, textOf, times } from '../exact.ts'
import type { NaiveState } from './naive-fold.ts'

export const vwap: NaiveState<TradeExecuted> = {
  kind: 'state',
  model: 'vwap',
  version: 2,
  events: ['TradeExecuted'],
  keys: ({ event }) => [[event.symbol]],
  start: ([symbol]) => {
    let tradeCount = 0
    let latest: RecordedTrade[] = []
    return {
      add: (recorded) => {
        tradeCount++
        latest.push(recorded)
        latest = latest.sort(byTime).slice(-50)
      },
      row: () => ({ symbol, tradeCount, ...figuresOf(latest) }),
    }
  },
}

const byTime = (a: RecordedTrade, b: RecordedTrade): number =>
  a.event.executedAt - b.event.executedAt || a.partition - b.partition || a.offset - b.offset

function figuresOf(latest: readonly RecordedTrade[]) {
  const prices = latest.map(({ event }) => exact(event.price))
  const volumes = latest.map(({ event }) => exact(event.volume))
  const notionals = prices.map((price, i) => times(price, volumes[i] ?? nothing))
  const places = Math.max(8, ...latest.map(({ event }) => placesOf(event.price) + 6))
  const mean = ratio(notionals.reduce(plus, nothing), volumes.reduce(plus, nothing), places)
  const lastPrice = prices.at(-1) ?? nothing
  return {
    lastPrice: textOf(lastPrice),
    lastTradeAt: latest.at(-1)?.event.executedAt,
    vwap: mean === null ? null : textOf(mean),
    change: textOf(minus(lastPrice, prices[0] ?? nothing)),
    window: latest.map(({ event, partition, offset }) => ({
      executedAt: event.executedAt,
      partition,
      offset,
      price: event.price,
      volume: event.volume,
    })),
  }
}
