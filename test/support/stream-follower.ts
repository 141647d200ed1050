import { setTimeout as sleep } from 'node:timers/promises'
import { type EventStream, openEventStream } from './event-stream.ts'

type Fields = Readonly<{ symbol: string; trade_count: number } & Record<string, unknown>>

export type StreamFollower = Readonly<{
  /** By symbol, its last tick and its last candle. */
  ticks: ReadonlyMap<string, Fields>
  candles: ReadonlyMap<string, Fields>
  /** Events that contradict an earlier event. */
  goneBack: readonly string[]
  connections: () => number
  close: () => Promise<void>
}>

/** A client like a browser: after every loss it reconnects, with the last id that it received. */
export function followStream(port: number): StreamFollower {
  const ticks = new Map<string, Fields>()
  const candles = new Map<string, Fields>()
  const goneBack: string[] = []
  let connections = 0
  let stream: EventStream | undefined
  let closed = false

  const take = (event: string, data: Fields) => {
    const rows = event === 'tick' ? ticks : candles
    const before = rows.get(data.symbol)
    if (before !== undefined && isBack(event, before, data)) {
      goneBack.push(`${event} ${JSON.stringify(before)} then ${JSON.stringify(data)}`)
    }
    rows.set(data.symbol, data)
  }

  const follow = async () => {
    let id = ''
    while (!closed) {
      const headers = { 'Last-Event-ID': id }
      const path = '/api/v1/stream?interval=1m'
      stream = await openEventStream({ port, path, headers }).catch(() => undefined)
      if (stream !== undefined) connections += 1
      for (let taken = 0; stream !== undefined; ) {
        const { events, ids, hasEnded } = stream
        const isOver = hasEnded() || closed
        for (; taken < events.length; taken++) take(events[taken]?.event ?? '', events[taken]?.data)
        id = ids.at(-1) ?? id
        if (isOver) break
        await sleep(5)
      }
      await sleep(50)
    }
  }

  const following = follow()
  return {
    ticks,
    candles,
    goneBack,
    connections: () => connections,
    close: async () => {
      closed = true
      stream?.close()
      await following
    },
  }
}

/** Whether an event has fewer trades of the same symbol or candle, or an earlier time. */
function isBack(event: string, before: Fields, after: Fields): boolean {
  const when = event === 'tick' ? 'time' : 'start'
  const [earlier, later] = [String(before[when]), String(after[when])]
  if (later < earlier) return true
  const isSame = event === 'tick' || later === earlier
  return isSame && after.trade_count < before.trade_count
}
