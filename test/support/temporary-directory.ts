import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made: string[] = []

/** A fresh directory, removed when the process ends. */
export const temporaryDirectory = (): string => {
  if (made.length === 0) process.once('exit', removeAll)
  const directory = mkdtempSync(join(tmpdir(), 'tradelog-'))
  made.push(directory)
  return directory
}

const removeAll = () => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true })
}
