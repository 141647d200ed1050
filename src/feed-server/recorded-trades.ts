import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { TradelogError } from '../domain/errors.ts'
import type { FeedClient } from './client.ts'
import type { FeedSource } from './server.ts'
import { type FileTrade, tradesOfFile } from './trade-file.ts'

type RecordedTradesOptions = Readonly<{
  path: string
  /** 1 plays at the pace of the trades' own times, N that many times as fast. */
  speed: number | 'max'
  /** The play begins when all of these are subscribed; if empty, all symbols of the file. */
  symbols?: readonly string[]
  logger: Logger
}>

type RecordedTrades = FeedSource &
  Readonly<{
    /** Identifies the bytes of the file: 16 hexadecimal digits. */
    hash: string
    rows: number
    symbols: ReadonlySet<string>
  }>

const frameTradesMax = 100
/** Longer waits are split, so that they follow a clock that is corrected. */
const waitMsMax = 60_000

/**
 * Plays a file of trades, from its first row, once to each client that subscribes to its symbols;
 * then the client stays connected. Each frame names the file, each trade its row. Checks the whole
 * file first: `FEED_FILE_INVALID` names the first wrong line, and nothing is played.
 */
export async function openRecordedTrades(options: RecordedTradesOptions): Promise<RecordedTrades> {
  const { path, logger } = options
  const state = await stateOf(path)
  const { hash, rows, symbols } = await scan(path)
  const wanted = options.symbols?.length ? options.symbols : symbols

  const serve = async (client: FeedClient) => {
    try {
      await client.subscribedTo(wanted)
      if ((await stateOf(path)) !== state) throw unreadable(path, 'it has changed since the start')
      logger.info({ file: path, rows, speed: options.speed }, 'playing the file')
      await playTo(client, { ...options, hash })
      logger.info({ file: path, rows }, 'the file has been played')
    } catch (error) {
      if (!client.signal.aborted) throw error
      logger.info({ file: path }, 'playing the file has ended: the client has disconnected')
    }
  }
  return { serve, hash, rows, symbols }
}

/** Changes when the file is written to. */
async function stateOf(path: string): Promise<string> {
  try {
    const { size, mtimeMs } = await stat(path)
    return `${size} bytes of ${mtimeMs}`
  } catch (error) {
    throw unreadable(path, 'it cannot be read', error)
  }
}

const unreadable = (path: string, reason: string, cause?: unknown): TradelogError =>
  new TradelogError('FEED_FILE_INVALID', `${path}: ${reason}`, { cause, fields: { file: path } })

async function scan(path: string) {
  const digest = createHash('sha256')
  await pipeline(createReadStream(path), digest)
  const symbols = new Set<string>()
  let rows = 0
  for await (const trades of tradesOfFile(path)) {
    rows += trades.length
    for (const { symbol } of trades) if (symbol !== null) symbols.add(symbol)
  }
  return { hash: digest.digest('hex').slice(0, 16), rows, symbols }
}

async function playTo(
  client: FeedClient,
  { path, speed, hash }: { path: string; speed: number | 'max'; hash: string },
): Promise<void> {
  const dueInMs = createClock(speed)
  let frame: string[] = []
  const flush = async () => {
    if (frame.length > 0) await client.send(frameOf(frame, hash))
    client.signal.throwIfAborted()
    frame = []
  }
  for await (const trades of tradesOfFile(path)) {
    for (const trade of trades) {
      if (!isWanted(trade, client)) continue
      for (let waitMs = dueInMs(trade); waitMs > 0; waitMs = dueInMs(trade)) {
        await flush()
        await sleep(Math.min(waitMs, waitMsMax), undefined, { signal: client.signal })
      }
      frame.push(trade.entry)
      if (frame.length >= frameTradesMax) await flush()
    }
  }
  await flush()
}

const isWanted = ({ symbol }: FileTrade, client: FeedClient): boolean =>
  symbol === null || client.symbols.has(symbol)

/** The first trade is due at once, the others after it by the times of the file. */
function createClock(speed: number | 'max') {
  const startedAt = performance.now()
  let firstAt: number | undefined
  return ({ executedAt }: FileTrade): number => {
    if (executedAt === null || speed === 'max') return 0
    firstAt ??= executedAt
    return startedAt + (executedAt - firstAt) / speed - performance.now()
  }
}

const frameOf = (entries: readonly string[], hash: string): string =>
  `{"data":[${entries.join(',')}],"type":"trade","file":"${hash}"}`
