import { existsSync } from 'node:fs'
import { systemCode } from '../../runtime/system-code.ts'
import { numberedFiles, type ReadLine, readLines, rejectFiles, takenFolder } from './files.ts'
import { readPlan } from './plan.ts'

/** The lines of the reject log, oldest first, with those that a stopped `bringBack` has taken. */
export async function* readRejects(directory: string): AsyncGenerator<readonly ReadLine[]> {
  const folder = takenFolder(directory)
  const taken = (await readPlan(folder)) === undefined ? 'rejects' : 'refused'
  const paths = (await numberedFiles(folder, taken)).map(({ path }) => path)
  for (const path of [...paths, ...(await rejectFiles(directory))]) {
    try {
      yield* readLines(path)
    } catch (error) {
      // Ingest removes its oldest file at any time.
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }
}

/** Whether `bringBack` was stopped, and has trades left to append. */
export const isUnfinished = async (directory: string): Promise<boolean> =>
  (await readPlan(takenFolder(directory))) !== undefined

/** Whether `bringBack` has anything to do, or to tidy up. */
export const hasRejects = async (directory: string): Promise<boolean> =>
  existsSync(takenFolder(directory)) || (await rejectFiles(directory)).length > 0
