import type { TradelogEvent } from '../../src/domain/event.ts'
import type { TradeExecuted } from '../../src/domain/trade-executed.ts'
import type { FeedSocketOptions } from '../../src/ingest/connection/feed-socket.ts'
import type { Feed } from '../../src/ingest/feed.ts'
import { finnhubProtocol } from '../../src/ingest/feeds/finnhub/protocol.ts'
import { startIngest } from '../../src/ingest/ingestor.ts'
import { silent } from '../support/silent.ts'
import { someTrades } from '../support/some-trades.ts'
import { type Process, startProcess } from './processes.ts'
import type { Actor } from './scheduler.ts'
import { eventStoreOf, type Mutation } from './stores.ts'
import type { World } from './world.ts'

const file = '0123456789abcdef'
const bufferEventsMax = 6
const frameDelayMsMax = 200
const protocol = finnhubProtocol({ url: 'ws://feed', source: 'file', pingEveryMs: 10_000 })

/** The real ingest role, in processes of which one is elected, fed with the rows of a file. */
export function startFeed(
  world: World,
  mutation: Mutation,
  seed: number,
  delayMs: () => number,
): readonly Process[] {
  const { plan, recorded } = world
  if (plan.feedRows === 0) return []
  const trades = someTrades(plan.feedRows, seed)
  recorded.push(...trades.map((trade, i) => ({ ...trade, source: `file:${file}:${i + 1}` })))
  const isDone = rowsAreIn(world)
  return Array.from({ length: plan.ingests }, (_, i) => {
    const name = `ingest ${i + 1}`
    const process = startProcess(world, name, delayMs(), async (actor) => {
      startIngest({
        eventStore: eventStoreOf(world, actor, mutation),
        feeds: [{ source: 'file', protocol, symbols: [], isRecorded: true }],
        connect: (options) => playedTo(world, actor, trades, options),
        directory: '/nowhere',
        bufferEventsMax,
        appendEventsMax: 3,
        backoff: { firstMs: 50, maxMs: 1_000 },
        logger: silent,
        now: world.scheduler.now,
        random: world.scheduler.random,
      })
    })
    return { ...process, isDone }
  })
}

/** Plays the file from its beginning to one connection, frame by frame, some of them twice. */
function playedTo(
  { scheduler }: World,
  actor: Actor,
  trades: readonly TradeExecuted[],
  { onConnected, onListening, onMessage }: FeedSocketOptions,
): Feed {
  let next = 0
  let isPaused = false
  let isPlaying = false
  let isClosed = false
  const later = (label: string, run: () => void) =>
    scheduler.add(actor, label, scheduler.choose(frameDelayMsMax), () => {
      if (!isClosed) run()
    })
  const play = () => {
    if (isPlaying || isPaused || next >= trades.length) return
    isPlaying = true
    later('frame', () => {
      isPlaying = false
      const to = next + 1 + scheduler.choose(4)
      onMessage(frameOf(trades, next, to))
      if (scheduler.choose(10) > 0) next = to
      play()
    })
  }
  later('connected', () => {
    onConnected()
    onListening(scheduler.now())
    play()
  })
  return {
    pause: () => {
      isPaused = true
    },
    resume: () => {
      isPaused = false
      play()
    },
    condition: () => ({
      state: 'connected',
      since: 0,
      problem: null,
      heardUntil: null,
      lastTradeAt: null,
      interruption: null,
    }),
    close: async () => {
      isClosed = true
    },
  }
}

function frameOf(trades: readonly TradeExecuted[], from: number, to: number): Buffer {
  const data = trades
    .slice(from, to)
    .map(({ symbol, price, volume, executedAt, conditions }, i) => {
      const [p, v] = [Number(price), Number(volume)]
      return { s: symbol, p, v, t: executedAt, c: conditions, row: from + i + 1 }
    })
  return Buffer.from(JSON.stringify({ type: 'trade', file, data }))
}

/** Whether the log has every row; checked again only if it has grown. */
function rowsAreIn({ log, plan }: World): () => boolean {
  let seen = -1
  let isAll = false
  const isRow = ({ event }: { event: TradelogEvent }) => event.source.startsWith('file:')
  return () => {
    const size = log.partitions.reduce((sum, { records }) => sum + records.length, 0)
    if (size !== seen) {
      const rows = log.partitions.flatMap(({ records }) => records.filter(isRow))
      isAll = new Set(rows.map(({ event }) => event.source)).size >= plan.feedRows
      seen = size
    }
    return isAll
  }
}
