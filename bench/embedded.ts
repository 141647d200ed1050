import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type Given, type Measured, needFolder } from './part.ts'
import { type Stores, withStores } from './projecting.ts'

/** Runs the work on the prepared log and on empty read models, in one process. */
export function withEmbeddedStores(
  given: Given,
  work: (stores: Stores) => Promise<Measured>,
): Promise<Measured> {
  linkLog(given)
  return withStores(given, { EVENT_STORE: 'embedded', READ_MODEL_STORE: 'embedded' }, work)
}

/** Puts the prepared log where the settings expect it. */
export const linkLog = ({ prepared, scratch, events }: Given): void =>
  symlinkSync(needFolder(prepared, { name: 'log', events }), join(scratch, 'log'))

/** Where `withEmbeddedStores` has put the read models in a folder. */
export const readModelsIn = (folder: string): string => join(folder, 'read-models')
