import { openLmdb } from '../runtime/lmdb.ts'

/**
 * Opens an environment whose commits are on disk when their promises resolve. Flushing beside the
 * next commit and grouping writes by turn of the event loop are LMDB-js' defaults, but where a
 * commit fails (a full disk) the one leaves a promise that never settles, the other an unhandled
 * rejection.
 */
export const openEnvironment = (directory: string, maxDbs: number) =>
  openLmdb(directory, { maxDbs, overlappingSync: false, eventTurnBatching: false })
