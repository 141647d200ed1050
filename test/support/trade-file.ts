import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { parseMessage } from '../../src/ingest/feeds/finnhub/message.ts'
import { seededRandom } from './random.ts'

export type TradeFileTotals = Readonly<{
  rows: number
  bySymbol: ReadonlyMap<string, Readonly<{ tradeCount: number; lastTradeAt: number }>>
}>

/** What ingest makes of a frame of a file, as files are judged when they are opened. */
export const judgeFrame = (frame: Buffer) =>
  parseMessage(frame, { now: Date.now(), source: 'file' })

const symbols = ['AAPL', 'BINANCE:BTCUSDT', 'IC MARKETS:1', 'KRAKEN:XBT/USD', '__proto__', 'ÄÖ€😀']

/**
 * Writes a file of recorded trades as tradelog plays them: seeded, in time order except some late
 * ones, many sharing a millisecond, some equal to the row before, some of volume 0.
 */
export async function writeTradeFile(
  path: string,
  { rows, seed }: { rows: number; seed: number },
): Promise<TradeFileTotals> {
  const random = seededRandom(seed)
  const file = createWriteStream(path)
  const bySymbol = new Map<string, { tradeCount: number; lastTradeAt: number }>()
  file.write('symbol,price,volume,timestamp_ms,conditions\n')
  let time = 1_700_000_000_000
  let line = ''
  let last = { symbol: '', at: 0 }
  for (let row = 0; row < rows; row++) {
    if (row === 0 || random() > 0.1) {
      if (random() > 0.6) time += Math.floor(random() * 2_000)
      const symbol = symbols[Math.floor(random() * symbols.length)] ?? 'AAPL'
      const at = random() > 0.98 ? time - Math.floor(random() * 100_000) : time
      const price = (100 + random() * 10).toFixed(Math.floor(random() * 6))
      const volume = random() > 0.95 ? '0' : (random() * 100).toFixed(Math.floor(random() * 8))
      line = `${symbol},${price},${volume},${at},${random() > 0.5 ? '1;12' : ''}\n`
      last = { symbol, at }
    }
    const total = bySymbol.get(last.symbol) ?? { tradeCount: 0, lastTradeAt: 0 }
    total.tradeCount += 1
    total.lastTradeAt = Math.max(total.lastTradeAt, last.at)
    bySymbol.set(last.symbol, total)
    if (!file.write(line)) await once(file, 'drain')
  }
  file.end()
  await once(file, 'close')
  return { rows, bySymbol }
}
