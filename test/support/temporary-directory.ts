import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A fresh directory, removed when the process ends. */
export const temporaryDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'tradelog-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  return directory
}
