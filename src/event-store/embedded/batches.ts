import { setImmediate as nextTurn } from 'node:timers/promises'
import { EMPTY, Observable, switchMap, throwError } from 'rxjs'
import { TradelogError } from '../../domain/errors.ts'
import type { LmdbLease } from '../../runtime/lmdb-lease.ts'
import type { Batch, BatchesOptions } from '../event-store.ts'
import { holdLease } from './lease.ts'
import type { EmbeddedLog, NamedBounds } from './log.ts'
import type { WakeUp } from './wake-up.ts'

/** One member of a group reads every partition while it holds the group's lease. */
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

/** The next offset of a partition; `waits` is true from a batch to its acknowledgement. */
type Cursor = { partition: number; origin: string; next: number; waits: boolean }

const readPartitions = (
  log: EmbeddedLog,
  wakeUp: WakeUp,
  lease: LmdbLease,
  { group, startFrom, batchEventsMax: eventsMax }: BatchesOptions,
): Observable<Batch> =>
  new Observable((subscriber) => {
    let resume = () => {}
    const acknowledge = (cursor: Cursor) => () => {
      cursor.waits = false
      resume()
    }
    const emit = (cursor: Cursor, head: number) => {
      const { partition, origin, next: from } = cursor
      const slice = log.slice({ partition, from, to: head, eventsMax })
      // A process that hung must not continue after another has taken over.
      if (!lease.isHeld()) throw assignmentLost(group)
      cursor.next = slice.to
      cursor.waits = true
      subscriber.next({ ...slice, origin, ack: once(acknowledge(cursor)) })
    }
    const run = async () => {
      const assigned = log.bounds()
      const cursors = cursorsAt(await startFrom(assigned), assigned)
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
        resume = resolve
        stopWaiting = wakeUp.onGrowth(heads, resolve)
      })
      stopWaiting()
    }
    run().catch((error) => subscriber.error(error))
    return () => resume()
  })

const cursorsAt = (
  positions: ReadonlyMap<number, number>,
  assigned: readonly NamedBounds[],
): Cursor[] =>
  assigned.map(({ partition, origin }) => {
    const next = positions.get(partition)
    if (next === undefined) throw new TypeError(`startFrom omitted partition ${partition}`)
    return { partition, origin, next, waits: false }
  })

/** The partitions take turns: the one that is read now moves to the end. */
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
