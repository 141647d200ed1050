import type { TradeExecuted } from '../domain/trade-executed.ts'

export type TradeBuffer = Readonly<{
  /** Never refuses: a socket gives what it has read, also after it was told to pause. */
  add: (trades: readonly TradeExecuted[]) => void
  /** The oldest trades, as soon as there are any; none once the buffer has ended and is empty. */
  take: (eventsMax: number) => Promise<readonly TradeExecuted[]>
  size: () => number
  /** Nothing more will be added; what is there can still be taken. */
  end: () => void
  /** Forgets what is there, and says how much that was. */
  clear: () => number
}>

type Options = Readonly<{
  eventsMax: number
  onFull: () => void
  /** Half of it is free again. */
  onRoom: () => void
}>

/** Trades between the socket and the log, in order. */
export const createTradeBuffer = ({ eventsMax, onFull, onRoom }: Options): TradeBuffer => {
  let trades: TradeExecuted[] = []
  let full = false
  let ended = false
  let wake: (() => void) | undefined

  const add = (more: readonly TradeExecuted[]) => {
    for (const trade of more) trades.push(trade)
    if (!full && trades.length >= eventsMax) {
      full = true
      onFull()
    }
    wake?.()
  }
  const take = async (max: number) => {
    while (trades.length === 0 && !ended) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    const taken = trades.splice(0, max)
    if (full && trades.length <= eventsMax / 2) {
      full = false
      onRoom()
    }
    return taken
  }
  const end = () => {
    ended = true
    wake?.()
  }
  const clear = () => {
    const { length } = trades
    trades = []
    return length
  }
  return { add, take, size: () => trades.length, end, clear }
}
