/** Waits until all have ended, then rejects with the first failure: nothing goes on behind it. */
export async function allEnded(running: Iterable<Promise<unknown>>): Promise<void> {
  for (const outcome of await Promise.allSettled(running)) {
    if (outcome.status === 'rejected') throw outcome.reason
  }
}
