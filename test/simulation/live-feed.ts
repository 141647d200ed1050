import type { TradelogEvent } from '../../src/domain/event.ts'
import type { FeedInterrupted } from '../../src/domain/feed-interrupted.ts'
import type { FeedSocketOptions } from '../../src/ingest/connection/feed-socket.ts'
import { trackListening } from '../../src/ingest/connection/listening.ts'
import type { Feed } from '../../src/ingest/feed.ts'
import { finnhubProtocol } from '../../src/ingest/feeds/finnhub/protocol.ts'
import { startIngest } from '../../src/ingest/ingestor.ts'
import { silent } from '../support/silent.ts'
import { type Process, startProcess } from './processes.ts'
import type { Actor } from './scheduler.ts'
import { eventStoreOf, type Mutation } from './stores.ts'
import type { World } from './world.ts'

export const liveSymbols = ['AAPL', 'MSFT', 'NVDA']
export const pingEveryMs = 2_000
const ownPingEveryMs = 500
const protocol = finnhubProtocol({ url: 'ws://feed', source: 'simulated', pingEveryMs })

/** A trade that the market made; its price is unique. */
type Made = Readonly<{ symbol: string; price: number; at: number; isRefused: boolean }>

type Message = Readonly<{ pong: string } | { frame: Buffer }>

/** A connection as the market has it. */
type Line = Readonly<{
  send: (message: Message) => void
  /** The client learns of it later; what it hasn't read by now is lost. */
  break: () => void
}>

export type Market = ReturnType<typeof startMarket>

/** A live feed that makes trades, whether somebody listens or not. */
export function startMarket({ scheduler }: World) {
  const { choose } = scheduler
  const actor: Actor = { name: 'market', isAlive: true, hangsUntil: 0 }
  const made: Made[] = []
  const lines = new Set<Line>()
  /** Accepts no connection, or breaks each after its first messages. */
  let mood: 'well' | 'down' | 'flapping' = 'well'
  let isOpen = true

  const broadcast = (frame: unknown) => {
    const message = { frame: Buffer.from(JSON.stringify(frame)) }
    for (const line of lines) line.send(message)
  }
  const trade = () => {
    const symbol = liveSymbols[choose(liveSymbols.length)] ?? 'AAPL'
    const one = { symbol, price: made.length + 1, at: scheduler.now(), isRefused: choose(15) === 0 }
    made.push(one)
    const { price: p, at: t } = one
    // What no entry can be read of may have been of any symbol.
    const garbled = { type: 'trades', data: [] }
    const frame = { type: 'trade', data: [{ s: symbol, p, t, v: one.isRefused ? -1 : 1 }] }
    broadcast(one.isRefused && choose(3) === 0 ? garbled : frame)
  }
  const trades = () => {
    if (!isOpen) return
    trade()
    scheduler.add(actor, 'trade', choose(300), trades)
  }
  const pings = () => {
    broadcast({ type: 'ping' })
    scheduler.add(actor, 'ping', pingEveryMs, pings)
  }
  const breakAll = () => {
    for (const line of lines) line.break()
    lines.clear()
  }
  trades()
  pings()
  return {
    made,
    breakAll,
    /** False if it accepts none now. */
    accept: (line: Line): boolean => {
      if (mood === 'down') return false
      lines.add(line)
      const breakIt = () => {
        line.break()
        lines.delete(line)
      }
      if (mood === 'flapping') scheduler.add(actor, 'break', choose(1_500), breakIt)
      return true
    },
    become: (next: typeof mood) => {
      mood = next
      if (mood !== 'well') breakAll()
    },
    close: () => {
      isOpen = false
    },
  }
}

/** The real ingest role in so many processes, on that market. */
export const startListeners = (
  world: World,
  market: Market,
  mutation: Mutation,
): readonly Process[] =>
  Array.from({ length: world.plan.ingests }, (_, i) =>
    startProcess(world, `ingest ${i + 1}`, 0, async (actor) => {
      startIngest({
        eventStore: eventStoreOf(world, actor, mutation),
        feeds: [{ source: 'simulated', protocol, symbols: liveSymbols, isRecorded: false }],
        connect: (options) => listenTo(market, world, actor, options),
        directory: '/dev/null/nowhere',
        bufferEventsMax: 20,
        appendEventsMax: 5,
        backoff: { firstMs: 50, maxMs: 1_000 },
        logger: silent,
        now: world.scheduler.now,
        uptimeMs: world.scheduler.now,
        random: world.scheduler.random,
      })
    }),
  )

/** What the socket does, with a line to the market in its place. */
function listenTo(
  market: Market,
  { scheduler }: World,
  actor: Actor,
  options: FeedSocketOptions,
): Feed {
  const holdsAfterMs = 2 * pingEveryMs
  const listening = trackListening({ ...options, pingEveryMs: ownPingEveryMs, holdsAfterMs })
  let isPaused = false
  let isClosed = false
  let unread: Message[] = []
  let isReading = false
  const later = (label: string, delayMs: number, run: () => void) =>
    scheduler.add(actor, label, scheduler.choose(delayMs), () => {
      if (!isClosed) run()
    })
  const take = (message: Message) => {
    if ('pong' in message) return listening.answered(message.pong)
    listening.begins()
    const isGood = options.onMessage(message.frame)
    listening.heard()
    if (isGood) listening.works()
  }
  const read = () => {
    if (isReading || isPaused || unread.length === 0) return
    isReading = true
    later('message', 100, () => {
      isReading = false
      const message = unread.shift()
      if (message !== undefined) take(message)
      read()
    })
  }
  const lost = () => {
    listening.lost('disconnected')
    attempt()
  }
  const newLine = (): Line => {
    let isBroken = false
    return {
      send: (message) => {
        if (isBroken || !actor.isAlive) return
        unread.push(message)
        read()
      },
      break: () => {
        if (isBroken) return
        isBroken = true
        unread = []
        later('lost', 3_000, lost)
      },
    }
  }
  const connect = () => {
    const line = newLine()
    if (!market.accept(line)) {
      attempt()
      return
    }
    options.onConnected()
    const answer = (pong: string) => () => line.send({ pong })
    listening.opened((text) => scheduler.add(actor, 'ping', scheduler.choose(100), answer(text)))
  }
  const attempt = () => later('connect', 800, connect)
  attempt()
  return {
    pause: () => {
      isPaused = true
    },
    resume: () => {
      isPaused = false
      read()
    },
    condition: () => ({
      state: 'connected',
      since: 0,
      problem: null,
      heardUntil: listening.heardUntil(),
      lastTradeAt: null,
      interruption: null,
    }),
    close: async () => {
      isClosed = true
      listening.stop()
    },
  }
}

/** The first trade that is neither in the log nor in a span that the log calls interrupted. */
export function untoldTrade(
  made: readonly Made[],
  events: readonly TradelogEvent[],
): string | undefined {
  const prices = new Set(
    events.flatMap((event) => (event.type === 'TradeExecuted' ? [Number(event.price)] : [])),
  )
  const missing = made.filter(({ price }) => !prices.has(price))
  const untold = missing.find(({ symbol, at }) => !isInterrupted(rowsOf(events, symbol), at))
  return untold && `the trade ${JSON.stringify(untold)} is missing, and nothing says so`
}

/** The first row of a symbol that readers would not find where they look for it. */
export function misplacedRow(events: readonly TradelogEvent[]): string | undefined {
  for (const symbol of liveSymbols) {
    let endedAt = 0
    let openSince = 0
    for (const { from, until } of rowsOf(events, symbol)) {
      const least = until === null ? endedAt : Math.max(endedAt, openSince)
      if (from < least || (until ?? from) < from)
        return `${symbol}: ${from}…${until} after ${least}`
      openSince = Math.max(openSince, from)
      endedAt = Math.max(endedAt, until ?? 0)
    }
  }
  return undefined
}

export const rowsOf = (
  events: readonly TradelogEvent[],
  symbol: string,
): readonly FeedInterrupted[] =>
  events.flatMap((event) =>
    event.type === 'FeedInterrupted' && event.symbol === symbol ? [event] : [],
  )

/** As readers decide: by the newest row that begins before the end of a span. */
function isInterrupted(rows: readonly FeedInterrupted[], at: number): boolean {
  const decides = [...rows].sort((a, b) => a.from - b.from).findLast(({ from }) => from <= at)
  return decides !== undefined && (decides.until === null || decides.until > at)
}
