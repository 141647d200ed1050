import type { RecordedTrade } from '../../domain/recorded-event.ts'
import type { TradeExecuted } from '../../domain/trade-executed.ts'
import { type Exact, exact, isLess, nothing, placesOf, plus, textOf, times } from '../exact.ts'
import type { NaiveState } from './naive-fold.ts'

const minuteMs = 60 * 1000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

export const candles: NaiveState<TradeExecuted> = {
  kind: 'state',
  model: 'candles',
  version: 2,
  events: ['TradeExecuted'],
  keys: ({ event: { symbol, executedAt } }) => [
    [symbol, '1m', Math.floor(executedAt / minuteMs) * minuteMs],
    [symbol, '1h', Math.floor(executedAt / hourMs) * hourMs],
    [symbol, '1d', Math.floor(executedAt / dayMs) * dayMs],
  ],
  start: ([symbol, interval, start]) => {
    let first: RecordedTrade | undefined
    let last: RecordedTrade | undefined
    let high: Exact | undefined
    let low: Exact | undefined
    let volume = nothing
    let notional = nothing
    let priceDigits = 0
    let tradeCount = 0
    return {
      add: (recorded) => {
        const price = exact(recorded.event.price)
        const traded = exact(recorded.event.volume)
        if (first === undefined || inOrder(recorded, first) < 0) first = recorded
        if (last === undefined || inOrder(recorded, last) > 0) last = recorded
        if (high === undefined || isLess(high, price)) high = price
        if (low === undefined || isLess(price, low)) low = price
        volume = plus(volume, traded)
        notional = plus(notional, times(price, traded))
        priceDigits = Math.max(priceDigits, placesOf(recorded.event.price))
        tradeCount++
      },
      row: () => ({
        symbol,
        interval,
        start,
        open: textOf(exact(first?.event.price ?? '')),
        high: textOf(high ?? nothing),
        low: textOf(low ?? nothing),
        close: textOf(exact(last?.event.price ?? '')),
        volume: textOf(volume),
        notional: textOf(notional),
        priceDigits,
        tradeCount,
        opened: placeOf(first),
        closed: placeOf(last),
      }),
    }
  },
}

const inOrder = (a: RecordedTrade, b: RecordedTrade): number =>
  a.event.executedAt - b.event.executedAt || a.partition - b.partition || a.offset - b.offset

const placeOf = (recorded: RecordedTrade | undefined) =>
  recorded && [recorded.event.executedAt, recorded.partition, recorded.offset]
