import { randomBytes } from 'node:crypto'
import { temporaryDirectory } from './temporary-directory.ts'
import type { Settings } from './tradelog.ts'

const eventStore = process.env.TRADELOG_TEST_EVENT_STORE ?? 'embedded'
const readModelStore = process.env.TRADELOG_TEST_READ_MODEL_STORE ?? 'embedded'

/** The pair of stores that the end-to-end tests of this run use. */
export const storePair = { eventStore, readModelStore, name: `${eventStore}/${readModelStore}` }

/** Settings of fresh embedded stores, for tests that are not about stores, and free ports. */
export const embeddedStores = (): Settings => ({
  API_PORT: '0',
  DATA_DIRECTORY: temporaryDirectory(),
  LOG__PRETTY: 'false',
  // Tests share a busy machine; test/end-to-end/shutdown.test.ts checks how fast a process ends.
  TIMEOUTS__SHUTDOWN: '20s',
})

/** Settings of fresh, empty stores of that pair, and free ports. */
export function freshStores(): Settings {
  const id = randomBytes(4).toString('hex')
  return {
    ...embeddedStores(),
    EVENT_STORE: eventStore,
    READ_MODEL_STORE: readModelStore,
    ...(eventStore === 'kafka'
      ? { KAFKA__BROKER_URL: needed('KAFKA_BROKERS'), KAFKA__TOPIC: `trades-${id}` }
      : {}),
    ...(readModelStore === 'mongodb'
      ? { MONGODB__URL: needed('MONGODB_URL'), MONGODB__DATABASE_NAME: `tradelog_${id}` }
      : {}),
  }
}

function needed(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} must be set to test on ${storePair.name}`)
  return value
}
