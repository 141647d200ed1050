import { openLmdb, transact } from '../../runtime/lmdb.ts'
import type { LeaseTable } from '../../runtime/lmdb-lease.ts'
import type { GenerationInfo, Pointer, Skip, StatusRow } from '../read-model-store.ts'

/** What all processes of one directory share: which generations exist, and who does what. */
export type Catalogue = ReturnType<typeof openCatalogue>

export function openCatalogue(directory: string) {
  const environment = openLmdb(directory, { maxDbs: 5 })
  const leases: LeaseTable = environment.openDB({ name: 'leases' })
  return {
    generations: environment.openDB<GenerationInfo, string>({ name: 'generations' }),
    pointers: environment.openDB<Pointer, string>({ name: 'pointers' }),
    statuses: environment.openDB<Omit<StatusRow, 'source'>, string>({ name: 'statuses' }),
    skips: environment.openDB<Skip, string>({ name: 'skips' }),
    leases,
    /** Runs it while no other process writes here; undoes its writes if it throws. */
    exclusively: <T>(work: () => T): Promise<T> => transact(environment, work),
    close: () => environment.close(),
  }
}
