import { createRequire } from 'node:module'

type RequestQueue = {
  pending: readonly unknown[]
  throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  checkPendingRequests(): void
}

const pendingCheckMs = 10

/**
 * kafkajs 2.2.4 arms a timer of 1 ms for ever on every idle connection, which costs 4 % of a core,
 * and from Node 24 on warns of its negative delay. Here it is armed only while requests wait.
 * https://github.com/tulios/kafkajs/issues/1556, https://github.com/tulios/kafkajs/issues/1751
 */
export function armTimerOnlyWhilePending(): void {
  const require = createRequire(import.meta.url)
  const {
    prototype,
  }: {
    prototype: RequestQueue & Record<string, unknown>
  } = require('kafkajs/src/network/requestQueue')
  prototype.scheduleCheckPendingRequests = scheduleCheckPendingRequests
}

function scheduleCheckPendingRequests(this: RequestQueue): void {
  if (this.pending.length === 0 || this.throttleCheckTimeoutId !== null) return
  const throttledMs = this.throttledUntil - Date.now()
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null
      this.checkPendingRequests()
    },
    throttledMs > 0 ? throttledMs : pendingCheckMs,
  )
}
