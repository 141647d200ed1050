import type { EventStore } from '../../src/event-store/event-store.ts'
import { eventually } from '../support/eventually.ts'
import { suite } from '../support/suite.ts'
import { appending } from './event-store/appending.ts'
import { batches } from './event-store/batches.ts'
import { closing } from './event-store/closing.ts'
import { election } from './event-store/election.ts'
import { groups } from './event-store/groups.ts'
import { raw } from './event-store/raw.ts'
import { reading } from './event-store/reading.ts'

/** An empty log, on which several stores may be open at once, as in several processes. */
type TestLog = Readonly<{
  partitions: number
  open: () => Promise<EventStore>
  /** Adds any JSON value, as another program would, to the partition of this symbol. */
  appendForeign: (symbol: string, value: unknown) => Promise<void>
  /** Called when the stores of the test are closed. */
  remove?: () => Promise<void>
}>

type ContractOptions = Readonly<{
  /** For every wait and test; a log whose groups take seconds to form needs more. */
  timeoutMs?: number
}>

/** Waits for an answer, as long as this log may need. */
type Until = <T>(check: () => T | Promise<T>) => Promise<NonNullable<T>>
type Body = (log: TestLog & { until: Until }) => Promise<void>
export type ContractTests = Readonly<Record<string, Body>>

const contract: readonly ContractTests[] = [
  appending,
  reading,
  raw,
  batches,
  groups,
  election,
  closing,
]

/** What every event store does. `createLog` is called for each test. */
export function eventStoreContract(
  title: string,
  createLog: () => Promise<TestLog>,
  { timeoutMs = 20_000 }: ContractOptions = {},
): void {
  const test = suite(title)
  const until: Until = (check) => eventually(check, { timeoutMs: timeoutMs / 2 })
  for (const [name, body] of contract.flatMap((tests) => Object.entries(tests))) {
    test(name, () => withStores(createLog, (log) => body({ ...log, until })), { timeoutMs })
  }
  test.run()
}

/** Closes what a test opened, also when it fails. */
async function withStores(
  createLog: () => Promise<TestLog>,
  body: (log: TestLog) => Promise<void>,
): Promise<void> {
  const log = await createLog()
  const stores: EventStore[] = []
  const open = async () => {
    const store = await log.open()
    stores.push(store)
    return store
  }
  try {
    await body({ ...log, open })
  } finally {
    for (const store of stores.reverse()) await store.close()
    await log.remove?.()
  }
}
