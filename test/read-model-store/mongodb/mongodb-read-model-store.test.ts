import { readModelStoreContract } from '../../contracts/read-model-store.ts'
import { testMongodb } from '../../support/mongodb.ts'
import { suite } from '../../support/suite.ts'

const mongodb = await testMongodb()
const last = suite('MongoDB read-model store, afterwards')

if ('reason' in mongodb) {
  last.skip('the contract of read-model stores', mongodb.reason)
} else {
  readModelStoreContract('MongoDB read-model store', () => mongodb.database().open)
  last('the databases of the contract are dropped', mongodb.close)
}
last.run()
