import type { TradeExecuted } from '../../src/domain/trade-executed.ts'
import { seededRandom } from './random.ts'
import { trade } from './trade.ts'

export const tradeSymbols = ['AAPL', 'MSFT', 'BINANCE:BTCUSDT', '__proto__', 'ÄÖ€😀']

/** Seeded trades of several symbols, in time order except a few, many in one millisecond. */
export function someTrades(count: number, seed = 1): readonly TradeExecuted[] {
  const random = seededRandom(seed)
  let time = 1_763_643_600_000
  return Array.from({ length: count }, () => {
    if (random() > 0.5) time += Math.floor(random() * 5_000)
    return trade({
      symbol: tradeSymbols[Math.floor(random() * tradeSymbols.length)] ?? 'AAPL',
      price: (100 + Math.floor(random() * 1_000) / 100).toString(),
      volume: Math.floor(random() * 50).toString(),
      executedAt: random() > 0.95 ? time - 90_000 : time,
    })
  })
}
