import { hostname } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedEventStore } from './event-store/embedded.ts'
import type { EventStore } from './event-store/event-store.ts'
import { openEmbeddedReadModelStore } from './read-model-store/embedded.ts'
import type { ReadModelStore } from './read-model-store/read-model-store.ts'
import type { Config } from './runtime/config.ts'
import type { Lifetime } from './runtime/lifetime.ts'
import type { Logger } from './runtime/logger.ts'

export type Composition = Readonly<{ config: Config; life: Lifetime; logger: Logger }>

/** The event store that the settings name. The only place that knows which there are. */
export const openEventStore = async ({ config, life }: Composition): Promise<EventStore> =>
  life.own(
    await openEmbeddedEventStore({
      directory: join(config.dataDirectory, 'log'),
      partitions: config.partitions,
    }),
  )

/** The read-model store that the settings name. The only place that knows which there are. */
export const openReadModelStore = async ({ config, life }: Composition): Promise<ReadModelStore> =>
  life.own(
    await openEmbeddedReadModelStore({ directory: join(config.dataDirectory, 'read-models') }),
  )

/** Names this process where several report side by side. */
export const processName = `${hostname()}:${process.pid}`
