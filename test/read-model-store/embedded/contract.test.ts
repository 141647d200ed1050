import { openEmbeddedReadModelStore } from '../../../src/read-model-store/embedded/embedded-read-model-store.ts'
import { readModelStoreContract } from '../../contracts/read-model-store.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

readModelStoreContract('embedded read-model store', () => {
  const directory = temporaryDirectory()
  return () => openEmbeddedReadModelStore({ directory })
})
