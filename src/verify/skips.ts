import type { EventStore } from '../event-store/event-store.ts'
import type { ReadModelStore } from '../read-model-store/read-model-store.ts'
import type { Position } from './block-hashes.ts'

/** The events that a model skips because an operator said so. */
export type Skips = Readonly<{
  /** Whether the fold has to skip this event. */
  has: (position: Position) => boolean
  /** How many events have been skipped so far. */
  honoured: () => number
}>

/** Ignores skips of another log. */
export async function readSkips(
  model: string,
  { eventStore, readModelStore }: { eventStore: EventStore; readModelStore: ReadModelStore },
): Promise<Skips> {
  const recorded = await readModelStore.skips(model)
  const origins = (await eventStore.heads()).map(({ origin }) => origin)
  const skipped = new Set(
    recorded.filter(({ partition, origin }) => origins[partition] === origin).map(placeOf),
  )
  const met = new Set<string>()
  return {
    has: (position) => {
      if (skipped.size === 0 || !skipped.has(placeOf(position))) return false
      met.add(placeOf(position))
      return true
    },
    honoured: () => met.size,
  }
}

const placeOf = ({ partition, offset }: Position) => `${partition}:${offset}`
