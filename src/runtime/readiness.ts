/** A part of a process that doesn't do its work: what is wrong, and since when (ISO time). */
export type Reason = Readonly<{ part: string; message: string; since: string }>

/** What a role reports about itself: without a reason it is ready. */
export type Readiness = () => Promise<readonly Reason[]>

export const reasonOf = (part: string, message: string, sinceMs: number): Reason => ({
  part,
  message,
  since: new Date(sinceMs).toISOString(),
})

/** Ready when all of them are. */
export const allReady =
  (parts: readonly Readiness[]): Readiness =>
  async () =>
    (await Promise.all(parts.map((part) => part()))).flat()
