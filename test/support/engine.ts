import { join } from 'node:path'
import { partitionOf } from '../../src/domain/partition.ts'
import { openEmbeddedEventStore } from '../../src/event-store/embedded/embedded-event-store.ts'
import { openEmbeddedLog } from '../../src/event-store/embedded/log.ts'
import type { EventStore } from '../../src/event-store/event-store.ts'
import { type ProjectRole, startProjectRole } from '../../src/projections/live/project-role.ts'
import type { Projection } from '../../src/projections/projection.ts'
import { readModels } from '../../src/projections/read-models/index.ts'
import type { ReplayOptions } from '../../src/projections/replay/replay.ts'
import { openEmbeddedReadModelStore } from '../../src/read-model-store/embedded/embedded-read-model-store.ts'
import type { ReadModelStore } from '../../src/read-model-store/read-model-store.ts'
import { createMetrics } from '../../src/runtime/metrics.ts'
import { verify } from '../../src/verify/verify.ts'
import { eventually } from './eventually.ts'
import { silent } from './silent.ts'
import { temporaryDirectory } from './temporary-directory.ts'

/** Both embedded stores and what runs on them, without feed and API. */
export type Engine = Readonly<{
  directory: string
  eventStore: EventStore
  readModelStore: ReadModelStore
  /** Adds a foreign record to the partition of this symbol. */
  appendForeign: (symbol: string, value: unknown) => Promise<void>
  project: (projections?: readonly Projection[]) => ProjectRole
  /** Waits until the active generation of each model has applied the whole log. */
  caughtUp: (models?: readonly string[]) => Promise<void>
  verified: (model: string, generation?: string) => ReturnType<typeof verify>
  close: () => Promise<void>
}>

/** The options for a replay of every read model, or for similar work. */
export const replayOptionsOf = ({ eventStore, readModelStore }: Engine): ReplayOptions => ({
  projections: readModels,
  eventStore,
  readModelStore,
  batchEventsMax: 100,
  logger: silent,
  signal: new AbortController().signal,
})

export const partitions = 3

export async function startEngine(
  directory = temporaryDirectory(),
  { log = 'log', partitions: count = partitions } = {},
): Promise<Engine> {
  const logOptions = { directory: join(directory, log), partitions: count }
  const eventStore = await openEmbeddedEventStore(logOptions)
  const readModelStore = await openEmbeddedReadModelStore({ directory: join(directory, 'rows') })
  const roles: ProjectRole[] = []
  const project = (projections = readModels) => {
    const options = { projections, eventStore, readModelStore, batchEventsMax: 100 }
    const role = startProjectRole({
      ...options,
      processName: 'test',
      metrics: createMetrics(),
      logger: silent,
    })
    roles.push(role)
    return role
  }
  const isCaughtUp = async (model: string) => {
    const active = (await readModelStore.pointer(model))?.active
    if (active === undefined) return false
    const checkpoint = await (await readModelStore.open(active)).checkpoint()
    const heads = await eventStore.heads()
    return heads.every(({ partition, head }) => (checkpoint.get(partition)?.next ?? 0) === head)
  }
  return {
    directory,
    eventStore,
    readModelStore,
    appendForeign: async (symbol, value) => {
      const raw = await openEmbeddedLog(logOptions)
      const partition = partitionOf(symbol, count)
      await raw.append(raw.prepare([{ partition, value }], Date.now()))
      await raw.close()
    },
    project,
    caughtUp: async (models = readModels.map(({ name }) => name)) => {
      for (const model of models) await eventually(() => isCaughtUp(model))
    },
    verified: (model, generation) =>
      verify({
        model,
        generation,
        eventStore,
        readModelStore,
        batchEventsMax: 100,
        signal: new AbortController().signal,
      }),
    close: async () => {
      for (const role of roles) await role.close()
      await readModelStore.close()
      await eventStore.close()
    },
  }
}
