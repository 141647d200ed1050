import { pino } from 'pino'
import { lastValueFrom, NEVER, takeWhile } from 'rxjs'
import { automaticThreads, replayThreads } from '../src/cli/replay-threads.ts'
import { openEventStore, openReadModelStore } from '../src/compose.ts'
import type { EventStore } from '../src/event-store/event-store.ts'
import { openActiveGeneration } from '../src/projections/active-generation.ts'
import { projector } from '../src/projections/live/projector.ts'
import type { Projection } from '../src/projections/projection.ts'
import { readModels } from '../src/projections/read-models/index.ts'
import { type FoldInThreads, openBuilder } from '../src/projections/replay/builder.ts'
import { replay } from '../src/projections/replay/replay.ts'
import type { Checkpoint, ReadModelStore } from '../src/read-model-store/read-model-store.ts'
import { createLifetime } from '../src/runtime/lifetime.ts'
import type { Settings } from '../test/support/tradelog.ts'
import { type Given, type Measured, startWatch } from './part.ts'
import { configOf } from './settings.ts'

/** The read models that trades are folded into. */
export const modelNames = ['trades', 'symbols', 'candles', 'vwap']

/** The part of `Given` that work on stores needs. */
const wantedOf = ({ models, batchEventsMax }: Given) => ({
  projections: readModels.filter(({ name }) => models.includes(name)),
  batchEventsMax,
})

export type Stores = Readonly<{
  eventStore: EventStore
  readModelStore: ReadModelStore
  projections: readonly Projection[]
  batchEventsMax: number
  foldInThreads: FoldInThreads | undefined
}>

/** Opens the stores that the settings name, as every command does. */
export async function withStores(
  given: Given,
  settings: Settings,
  work: (stores: Stores) => Promise<Measured>,
): Promise<Measured> {
  const config = configOf(given, settings)
  const life = createLifetime()
  const composition = { config, life, logger: silent, signal: new AbortController().signal }
  try {
    const eventStore = await openEventStore(composition)
    const readModelStore = await openReadModelStore(composition)
    const foldInThreads = replayThreads(config, automaticThreads())
    return await work({ eventStore, readModelStore, foldInThreads, ...wantedOf(given) })
  } finally {
    await life.close()
  }
}

export const silent = pino({ enabled: false })

/** Runs the pipelines from offset zero to the head, timed from the assignment of partitions on. */
export async function projectLive(stores: Stores): Promise<Measured> {
  const { eventStore, projections, batchEventsMax } = stores
  const total = await eventsIn(eventStore)
  let stop = startWatch()
  let isAssigned = false
  const watch = {
    assigned: () => {
      if (!isAssigned) stop = startWatch()
      isAssigned = true
    },
    received: () => {},
    applying: () => {},
    applied: () => {},
    retrying: (error: unknown) => {
      throw error
    },
  }
  await Promise.all(
    projections.map(async (projection) => {
      const generation = await openActiveGeneration(stores.readModelStore, projection)
      const until = NEVER
      const running = projector({
        projection,
        generation,
        eventStore,
        readModelStore: stores.readModelStore,
        batchEventsMax,
        until,
        watch,
      })
      const toHead = running.pipe(takeWhile((checkpoint) => read(checkpoint) < total))
      await lastValueFrom(toHead, { defaultValue: undefined })
    }),
  )
  return { count: total, ...stop() }
}

/** Does what a replay does before the check of its counts, without threads. */
export async function build({
  eventStore,
  readModelStore,
  projections,
  batchEventsMax,
}: Stores): Promise<Measured> {
  const builds = await Promise.all(
    projections.map(async (projection) => {
      const { name: model, version, kind } = projection
      return { projection, generation: await readModelStore.create({ model, version, kind }) }
    }),
  )
  const { signal } = new AbortController()
  const onApplied = () => {}
  const stop = startWatch()
  const stores = { eventStore, readModelStore }
  const builder = await openBuilder({ ...stores, builds, batchEventsMax, signal, onApplied })
  await builder.catchUp()
  return { count: read(builder.checkpoint(projections[0]?.name ?? '')), ...stop() }
}

/** All of `tradelog replay`: build (in threads if it would), check the counts, promote. */
export async function replayModels(stores: Stores): Promise<Measured> {
  const { signal } = new AbortController()
  const stop = startWatch()
  await replay({ ...stores, logger: silent, signal })
  const measured = stop()
  return { count: await eventsIn(stores.eventStore), ...measured }
}

/** How many events of the log were read, whether the model folds or ignores them. */
const read = (checkpoint: Checkpoint): number =>
  Array.from(checkpoint.values()).reduce((sum, { next }) => sum + next, 0)

const eventsIn = async (eventStore: EventStore): Promise<number> =>
  (await eventStore.heads()).reduce((sum, { head }) => sum + head, 0)
