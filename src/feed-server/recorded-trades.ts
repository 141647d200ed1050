import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { FeedClient } from './client.ts'
import { stateOf } from './file/bytes.ts'
import type { FileTrade } from './file/file-trade.ts'
import { invalidFile } from './file/invalid.ts'
import { type JudgeFrame, type RefusalReason, type Scan, scan } from './file/scan.ts'
import { tradesOfFile } from './file/trade-file.ts'
import { createFrameCutter, endFrame } from './frame-cutter.ts'
import type { FeedSource } from './server.ts'

type RecordedTradesOptions = Readonly<{
  path: string
  /** 1 plays at the pace of the trades' own times, N that many times as fast. */
  speed: number | 'max'
  /** The play begins when all of these are subscribed; if empty, all symbols of the file. */
  symbols?: readonly string[]
  judge: JudgeFrame
  /** Whether a frame after the last trade says that it was the last: Finnhub has no such frame. */
  announcesEnd?: boolean
  logger: Logger
}>

type RecordedTrades = FeedSource & Pick<Scan, 'hash' | 'rows' | 'symbols'>

/** Longer waits are split, so that they follow a clock that is corrected. */
const waitMsMax = 60_000

/**
 * Plays a file of trades, from its first row, once to each client that subscribes to its symbols;
 * then the client stays connected. Each frame names the file, each trade its row. Scans the whole
 * file first: `FEED_FILE_INVALID` says why it can't be played, and then nothing is.
 */
export async function openRecordedTrades(options: RecordedTradesOptions): Promise<RecordedTrades> {
  const { path, symbols = [], logger } = options
  const state = await stateOf(path)
  const { hash, rows, others, reasonOf, ...scanned } = await scan(path, symbols, options.judge)
  const wanted = symbols.length > 0 ? symbols : scanned.symbols
  const skipped = Object.fromEntries([...others].filter(([type]) => type !== 'ping'))
  if (Object.keys(skipped).length > 0) {
    logger.warn({ file: path, skipped }, 'messages of the file that are no trades are skipped')
  }

  const serve = async (client: FeedClient) => {
    try {
      await client.subscribedTo(wanted)
      if ((await stateOf(path)) !== state) throw invalidFile(path, 'it has changed since the start')
      logger.info({ file: path, rows, speed: options.speed }, 'playing the file')
      await playTo(client, { ...options, hash, reasonOf })
      logger.info({ file: path, rows }, 'the file has been played')
    } catch (error) {
      if (!client.signal.aborted) throw error
      logger.info({ file: path }, 'playing the file has ended: the client has disconnected')
    }
  }
  return { serve, symbolCount: scanned.symbols.size, hash, rows, symbols: scanned.symbols }
}

type Play = Pick<RecordedTradesOptions, 'path' | 'speed' | 'announcesEnd'> &
  Pick<Scan, 'hash' | 'reasonOf'>

async function playTo(client: FeedClient, play: Play): Promise<void> {
  const { path, hash } = play
  const dueAt = createClock(play)
  const frames = createFrameCutter(hash)
  const send = async (frame: string | undefined) => {
    if (frame !== undefined) await client.send(frame)
    client.signal.throwIfAborted()
  }
  const waitUntil = async (at: number) => {
    for (let waitMs = at - performance.now(); waitMs > 0; waitMs = at - performance.now()) {
      await send(frames.cut())
      await sleep(Math.min(waitMs, waitMsMax), undefined, { signal: client.signal })
    }
  }
  for await (const trades of tradesOfFile(path)) {
    for (const trade of trades) {
      if (!isWanted(trade, client)) continue
      const at = dueAt(trade)
      if (at > 0) await waitUntil(at)
      const full = frames.add(trade.entry)
      if (full !== undefined) await send(full)
    }
  }
  await send(frames.cut())
  if (play.announcesEnd) await send(endFrame(hash))
}

const isWanted = ({ symbol }: FileTrade, client: FeedClient): boolean =>
  symbol === null || client.symbols.has(symbol)

/**
 * The first trade is due at once, the others after it by the times of the file. One that ingest
 * won't take is due at once too: its time may be years away. 0 is at once, else `performance.now`.
 */
function createClock({
  speed,
  reasonOf,
}: Readonly<{ speed: Play['speed']; reasonOf: RefusalReason }>) {
  const startedAt = performance.now()
  let firstAt: number | undefined
  return (trade: FileTrade): number => {
    const { executedAt } = trade
    if (executedAt === null || speed === 'max') return 0
    const at = startedAt + (executedAt - (firstAt ?? executedAt)) / speed
    if (firstAt !== undefined && at <= performance.now()) return 0
    if (reasonOf(trade) !== undefined) return 0
    firstAt ??= executedAt
    return at
  }
}
