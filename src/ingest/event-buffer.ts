import type { TradelogEvent } from '../domain/event.ts'

export type EventBuffer = Readonly<{
  /** Never refuses: a socket delivers what it has read even after it was paused. */
  add: (events: readonly TradelogEvent[]) => void
  /** The oldest events, as soon as there are any. Empty when the buffer has ended and is empty. */
  take: (eventsMax: number) => Promise<readonly TradelogEvent[]>
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

/** Events between the socket and the log, in order. */
export function createEventBuffer({ eventsMax, onFull, onRoom }: Options): EventBuffer {
  let events: TradelogEvent[] = []
  let full = false
  let ended = false
  let wake: (() => void) | undefined

  const add = (more: readonly TradelogEvent[]) => {
    for (const event of more) events.push(event)
    if (!full && events.length >= eventsMax) {
      full = true
      onFull()
    }
    wake?.()
  }
  const take = async (max: number) => {
    while (events.length === 0 && !ended) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    const taken = events.splice(0, max)
    if (full && events.length <= eventsMax / 2) {
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
    const { length } = events
    events = []
    return length
  }
  return { add, take, size: () => events.length, end, clear }
}
