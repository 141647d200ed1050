/**
 * A place at which the fault tests end a process, called by a label that stands in the code once:
 * around each await between a trade taken from the feed and a row served, and inside the
 * transactions on that way. Does nothing, unless a test has armed this process.
 */
export const crashPoint = (label: string): void => onPass?.(label)

let onPass: ((label: string) => void) | undefined

/** Calls back at every pass. */
export function armCrashPoints(callback: (label: string) => void): void {
  onPass = callback
}
