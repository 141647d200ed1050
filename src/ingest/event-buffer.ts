import type { TradelogEvent } from '../domain/event.ts'
import type { UnixMs } from '../domain/time.ts'

export type EventBuffer = Readonly<{
  /**
   * Never refuses: a socket delivers what it has read even after it was paused. `since` is the time
   * before which the events show nothing: until they are in the log, all that is known ends there.
   */
  add: (events: readonly TradelogEvent[], since: UnixMs) => void
  /** In front of all others. */
  addFirst: (events: readonly TradelogEvent[], since: UnixMs) => void
  /**
   * The oldest events, as soon as there are any. Those taken before are in the log by then. Empty
   * when the buffer has ended and is empty.
   */
  take: (eventsMax: number) => Promise<readonly TradelogEvent[]>
  size: () => number
  /** The earliest `since` of the events that are not in the log yet; null if all are. */
  pendingSince: () => UnixMs | null
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
  const times = createTimes()
  let full = false
  let ended = false
  let wake: (() => void) | undefined

  const added = () => {
    if (!full && events.length >= eventsMax) {
      full = true
      onFull()
    }
    wake?.()
  }
  const add: EventBuffer['add'] = (more, since) => {
    if (more.length === 0) return
    for (const event of more) events.push(event)
    times.add(more.length, since)
    added()
  }
  const addFirst: EventBuffer['addFirst'] = (more, since) => {
    if (more.length === 0) return
    events = [...more, ...events]
    times.addFirst(more.length, since)
    added()
  }
  const take = async (max: number) => {
    times.take(0)
    while (events.length === 0 && !ended) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    const taken = events.splice(0, max)
    times.take(taken.length)
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
    times.clear()
    return length
  }
  const { pendingSince } = times
  return { add, addFirst, take, size: () => events.length, pendingSince, end, clear }
}

/** Events that came within so many ms share a time. */
const sharedMs = 10

type Time = { since: UnixMs; events: number }

/** The times of the events that are not in the log yet, in their order. */
function createTimes() {
  let waiting: Time[] = []
  let taken: Time[] = []

  const take = (events: number) => {
    taken = []
    let left = events
    for (const time of waiting) {
      if (left <= 0) break
      taken.push(time)
      const some = Math.min(left, time.events)
      time.events -= some
      left -= some
    }
    waiting = waiting.filter((time) => time.events > 0)
  }
  return {
    add: (events: number, since: UnixMs) => {
      const last = waiting.at(-1)
      if (last !== undefined && since >= last.since && since - last.since < sharedMs) {
        last.events += events
      } else {
        waiting.push({ since, events })
      }
    },
    addFirst: (events: number, since: UnixMs) => void waiting.unshift({ since, events }),
    take,
    pendingSince: (): UnixMs | null => {
      let first: UnixMs | null = null
      for (const { since } of [...taken, ...waiting]) first = Math.min(first ?? since, since)
      return first
    },
    clear: () => {
      waiting = []
      taken = []
    },
  }
}
