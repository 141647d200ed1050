import { accessSync, constants, statSync } from 'node:fs'
import { join } from 'node:path'
import { hasCode } from '../../domain/errors.ts'
import { invalid } from '../config/invalid.ts'
import { lmdbFiles, notOfLmdb } from '../lmdb.ts'
import { systemCode } from '../system-code.ts'
import { makeDirectory } from './make-directory.ts'
import { pathFault, systemCause } from './path-fault.ts'

/** A person has to change the directory or the setting: no retry can succeed. */
const unusableCodes: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'EEXIST',
  'EROFS',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOSPC',
  'EDQUOT',
  notOfLmdb,
])

/** The part of the data directory that something is kept in. */
type Part = 'log' | 'read-models/catalogue' | 'ingest'

/** Opens a part of the data directory; refuses the setting if the directory can't be used. */
export async function inDataDirectory<T>(
  dataDirectory: string,
  part: Part,
  open: () => Promise<T>,
): Promise<T> {
  try {
    return await open()
  } catch (error) {
    const fault = faultOf(join(dataDirectory, part), error)
    if (fault === undefined) throw error
    throw invalid(`"data_directory": ${fault}`, error)
  }
}

/** Makes a part of the data directory if it is absent; refuses one that can't be written to. */
export const makePart = (dataDirectory: string, part: Part): Promise<void> =>
  inDataDirectory(dataDirectory, part, async () => {
    const directory = join(dataDirectory, part)
    makeDirectory(directory)
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK)
  })

/** Refuses a data directory that isn't there: nothing is known of what it would hold. */
export function refuseMissing(dataDirectory: string): void {
  try {
    statSync(dataDirectory)
  } catch (error) {
    const fault = pathFault(dataDirectory, 'read', error) ?? String(error)
    throw invalid(`"data_directory": ${fault}`, error)
  }
}

function faultOf(directory: string, error: unknown): string | undefined {
  const cause = fullStores.some((code) => hasCode(error, code)) ? full : systemCause(error)
  const code = systemCode(cause)
  if (code === undefined || !unusableCodes.has(code)) return undefined
  if (code === notOfLmdb) return cause?.message
  return pathFault(directory, 'directory', cause, lmdbFiles)
}

const fullStores = ['EVENT_STORE_FULL', 'READ_MODEL_STORE_FULL'] as const
/** LMDB reports a full disk as an input/output error, too. */
const full = Object.assign(new Error(), { code: 'ENOSPC' })
