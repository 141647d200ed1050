import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Collection, Db } from 'mongodb'
import { tryInsert } from './errors.ts'

/** Runs an operation of compare-and-sets, alone if two of one name could spoil each other. */
export type Exclusively = <T>(name: string, operation: () => Promise<T>) => Promise<T>

type LockDocument = { _id: string; holder: string }

/** After this long its holder counts as dead; the guards of rows protect them if it is not. */
const abandonedAfterMs = 5_000
const retryMsMax = 10

/**
 * MongoDB updates a document atomically, so nothing has to be exclusive. FerretDB 1 reads it and
 * then writes it: two compare-and-sets at once may both succeed. There they run one by one, under a
 * document that only one process can insert.
 */
export async function exclusivelyOn(db: Db): Promise<Exclusively> {
  const { ferretdbVersion } = await db.command({ buildInfo: 1 })
  return ferretdbVersion === undefined ? (_name, operation) => operation() : underLocks(db)
}

function underLocks(db: Db): Exclusively {
  const locks = db.collection<LockDocument>('tradelog_locks')
  return async (name, operation) => {
    const lock = { _id: name, holder: randomUUID() }
    await acquire(locks, lock)
    try {
      return await operation()
    } finally {
      await locks.deleteOne(lock)
    }
  }
}

async function acquire(locks: Collection<LockDocument>, lock: LockDocument): Promise<void> {
  let holder: string | undefined
  let since = performance.now()
  while (!(await tryInsert(locks, lock))) {
    const found = await locks.findOne({ _id: lock._id })
    if (found?.holder !== holder) {
      holder = found?.holder
      since = performance.now()
    }
    if (found !== null && performance.now() - since > abandonedAfterMs) await locks.deleteOne(found)
    await sleep(Math.random() * retryMsMax)
  }
}
