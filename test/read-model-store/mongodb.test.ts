import { readModelStoreContract } from '../contracts/read-model-store.ts'
import { testMongodb } from '../support/mongodb.ts'
import { suite } from '../support/suite.ts'

const mongodb = await testMongodb()
const last = suite('MongoDB read-model store, afterwards')

if ('reason' in mongodb) {
  last.skip('the contract of read-model stores', mongodb.reason)
} else {
  const limits: Record<string, string> = mongodb.updatesAreAtomic
    ? {}
    : {
        'of two commits at once from one checkpoint, one wins':
          'this server updates not atomically',
        'of two promotions at once, one wins': 'this server updates not atomically',
      }
  readModelStoreContract('MongoDB read-model store', () => mongodb.database().open, { limits })
  last('the databases of the contract are dropped', mongodb.close)
}
last.run()
