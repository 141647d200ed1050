import { partitionOf } from '../../../src/domain/partition.ts'
import { openEmbeddedEventStore } from '../../../src/event-store/embedded/embedded-event-store.ts'
import { openEmbeddedLog } from '../../../src/event-store/embedded/log.ts'
import { eventStoreContract } from '../../contracts/event-store.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const partitions = 4

eventStoreContract('embedded event store', async () => {
  const directory = temporaryDirectory()
  return {
    partitions,
    open: () => openEmbeddedEventStore({ directory, partitions }),
    appendForeign: async (symbol, value) => {
      const log = await openEmbeddedLog({ directory, partitions })
      const partition = partitionOf(symbol, partitions)
      await log.append(log.prepare([{ partition, value }], Date.now()))
      await log.close()
    },
  }
})
