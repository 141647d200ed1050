import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Commit } from './read-model-store.ts'

const name = 'tradelog:rows-written'
const rowsWritten = channel(name)

/** Called between rows and checkpoint, by a store that writes one after the other. */
export const publishRowsWritten = (commit: Commit): void => rowsWritten.publish(commit)

/** Calls back when a store of this process has written a commit's rows. Returns how to stop. */
export function onRowsWritten(commit: Commit, callback: () => void): () => void {
  const listen = (published: unknown) => {
    if (published === commit) callback()
  }
  subscribe(name, listen)
  return () => void unsubscribe(name, listen)
}
