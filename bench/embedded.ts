import { openEmbeddedEventStore } from '../src/event-store/embedded.ts'
import { openEmbeddedReadModelStore } from '../src/read-model-store/embedded.ts'
import { type Given, type Measured, needFolder } from './part.ts'
import { type Stores, wantedOf } from './projecting.ts'
import { partitions } from './trades.ts'

/** Runs the work on the prepared log and on empty read models, in one process. */
export const withEmbeddedStores = async (
  given: Given,
  work: (stores: Stores) => Promise<Measured>,
): Promise<Measured> => {
  const directory = needFolder(given.prepared, { name: 'log', events: given.events })
  const eventStore = await openEmbeddedEventStore({ directory, partitions })
  const readModelStore = await openEmbeddedReadModelStore({ directory: given.scratch })
  try {
    return await work({ eventStore, readModelStore, ...wantedOf(given) })
  } finally {
    await eventStore.close()
    await readModelStore.close()
  }
}
