import { setImmediate as nextTurn } from 'node:timers/promises'
import { distinctUntilChanged, EMPTY, Observable, switchMap, throwError } from 'rxjs'
import { TradelogError } from '../../domain/errors.ts'
import { type LmdbLease, takeLease } from '../../runtime/lmdb.ts'
import type { Batch, BatchesOptions } from '../event-store.ts'
import type { EmbeddedLog, NamedBounds } from './log.ts'

const leaseTtlMs = 3_000
const leaseRenewEveryMs = 1_000
const standByMs = 100
/** How soon a reader sees what other processes append. */
const pollEveryMs = 20

/**
 * The named lease while this subscriber has it, undefined while somebody else does; it is tried
 * again and again. Unsubscribing releases it.
 */
export const holdLease = (
  { leases, track }: EmbeddedLog,
  name: string,
): Observable<LmdbLease | undefined> =>
  new Observable<LmdbLease | undefined>((subscriber) => {
    let lease: LmdbLease | undefined
    let timer: NodeJS.Timeout | undefined
    const step = async () => {
      if (lease === undefined) lease = await takeLease(leases, name, { ttlMs: leaseTtlMs })
      else if (!(await lease.renew())) lease = undefined
      if (subscriber.closed) return release(lease)
      timer = setTimeout(run, lease === undefined ? standByMs : leaseRenewEveryMs)
      subscriber.next(lease)
    }
    const run = () => void track(step()).catch((error) => subscriber.error(error))
    run()
    return () => {
      clearTimeout(timer)
      void track(release(lease))
    }
  }).pipe(distinctUntilChanged())

/** Where it can't be written any more, as on a full disk, the lease runs out by itself. */
async function release(lease: LmdbLease | undefined): Promise<void> {
  await lease?.release().catch(() => {})
}

/** Wakes waiting readers when the log has grown. */
export type WakeUp = Readonly<{
  /** To be called after an append of this process. */
  wake: () => void
  /** Calls back, once, when the log has grown beyond these heads. Answers how to stop waiting. */
  onGrowth: (heads: readonly number[], callback: () => void) => () => void
}>

/** One poll for all readers, and only while one waits. */
export function createWakeUp({ heads }: EmbeddedLog): WakeUp {
  const waiting = new Map<() => void, number>()
  let timer: NodeJS.Timeout | undefined
  const stop = (callback: () => void) => {
    waiting.delete(callback)
    if (waiting.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
  const wake = () => {
    const size = sizeNow()
    for (const [callback, seen] of waiting) {
      if (seen === size) continue
      stop(callback)
      callback()
    }
  }
  const sizeNow = () => {
    try {
      return total(heads())
    } catch {
      // Every reader meets the error itself, where it can say so.
      return undefined
    }
  }
  return {
    wake,
    onGrowth: (seen, callback) => {
      waiting.set(callback, total(seen))
      timer ??= setInterval(wake, pollEveryMs)
      return () => stop(callback)
    },
  }
}

/** Heads only grow, so their sum tells whether any did. */
const total = (heads: readonly number[]) => heads.reduce((sum, head) => sum + head, 0)

/** One member of a group reads every partition, for as long as it holds the group's lease. */
export const groupBatches = (
  log: EmbeddedLog,
  wakeUp: WakeUp,
  options: BatchesOptions,
): Observable<Batch> =>
  holdLease(log, `group:${options.group}`).pipe(
    switchMap((lease, i) => {
      if (lease !== undefined) return readPartitions(log, wakeUp, lease, options)
      return i === 0 ? EMPTY : throwError(() => assignmentLost(options.group))
    }),
  )

/** Where a partition is read on; `waits` from a batch to its acknowledgement. */
type Cursor = { partition: number; origin: string; next: number; waits: boolean }

const readPartitions = (
  log: EmbeddedLog,
  wakeUp: WakeUp,
  lease: LmdbLease,
  { group, position, batchEventsMax: eventsMax }: BatchesOptions,
): Observable<Batch> =>
  new Observable((subscriber) => {
    let goOn = () => {}
    const acknowledge = (cursor: Cursor) => () => {
      cursor.waits = false
      goOn()
    }
    const emit = (cursor: Cursor, head: number) => {
      const { partition, origin, next: from } = cursor
      const slice = log.slice({ partition, from, to: head, eventsMax })
      // A process that hung must not go on where another has taken over.
      if (!lease.isHeld()) throw assignmentLost(group)
      cursor.next = slice.to
      cursor.waits = true
      subscriber.next({ ...slice, origin, ack: once(acknowledge(cursor)) })
    }
    const run = async () => {
      const assigned = log.bounds()
      const cursors = cursorsAt(await position(assigned), assigned)
      while (!subscriber.closed) {
        const heads = log.heads()
        const cursor = takeReady(cursors, heads)
        if (cursor !== undefined) emit(cursor, heads[cursor.partition] ?? 0)
        else await idle(heads)
        await nextTurn()
      }
    }
    const idle = async (heads: readonly number[]) => {
      let stopWaiting = () => {}
      await new Promise<void>((resolve) => {
        goOn = resolve
        stopWaiting = wakeUp.onGrowth(heads, resolve)
      })
      stopWaiting()
    }
    run().catch((error) => subscriber.error(error))
    return () => goOn()
  })

const cursorsAt = (
  positions: ReadonlyMap<number, number>,
  assigned: readonly NamedBounds[],
): Cursor[] =>
  assigned.map(({ partition, origin }) => {
    const next = positions.get(partition)
    if (next === undefined) throw new TypeError(`no position was given for partition ${partition}`)
    return { partition, origin, next, waits: false }
  })

/** Each partition in turn: the one that is read now goes behind the others. */
function takeReady(cursors: Cursor[], heads: readonly number[]): Cursor | undefined {
  const at = cursors.findIndex(
    ({ partition, next, waits }) => !waits && next < (heads[partition] ?? 0),
  )
  if (at < 0) return undefined
  const [cursor] = cursors.splice(at, 1)
  if (cursor !== undefined) cursors.push(cursor)
  return cursor
}

function once(action: () => void) {
  let done = false
  return () => {
    if (!done) action()
    done = true
  }
}

const assignmentLost = (group: string) =>
  new TradelogError('CHECKPOINT_MOVED', `${group}: another process has taken over`, {
    fields: { group },
  })
