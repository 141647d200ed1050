import { readModelStoreContract } from '../contracts/read-model-store.ts'
import { memoryDatabase, openMemoryReadModelStore } from './memory-read-model-store.ts'

readModelStoreContract('read-model store in memory', () => {
  const database = memoryDatabase()
  return async () => openMemoryReadModelStore({ database })
})
