import type { LeaseTable } from '../runtime/lmdb.ts'
import { openEnvironment } from './embedded-environment.ts'
import type { RowKind } from './embedded-generation.ts'
import type { GenerationInfo, Pointer, StatusRow } from './read-model-store.ts'

export type CataloguedGeneration = GenerationInfo & Readonly<{ kind: RowKind }>

/** What all processes of one directory share: which generations there are, and who does what. */
export type Catalogue = ReturnType<typeof openCatalogue>

export const openCatalogue = (directory: string) => {
  const environment = openEnvironment(directory, 4)
  const leases: LeaseTable = environment.openDB({ name: 'leases' })
  return {
    generations: environment.openDB<CataloguedGeneration, string>({ name: 'generations' }),
    pointers: environment.openDB<Pointer, string>({ name: 'pointers' }),
    statuses: environment.openDB<Omit<StatusRow, 'source'>, string>({ name: 'statuses' }),
    leases,
    /** Runs it while no other process writes here; what it wrote is undone if it throws. */
    exclusively: <T>(work: () => T): T => environment.transactionSync(work),
    close: () => environment.close(),
  }
}
