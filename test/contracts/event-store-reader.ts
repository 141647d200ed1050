import { setTimeout as sleep } from 'node:timers/promises'
import type { LogRecord } from '../../src/domain/recorded-event.ts'
import type { Batch, EventStore, PartitionBounds } from '../../src/event-store/event-store.ts'

type ReaderOptions = Readonly<{
  group?: string
  batchEventsMax?: number
  /** By partition, the next offset; moved by compare-and-set as a read model's store does. */
  checkpoint?: Map<number, number>
  /** Otherwise the test itself acknowledges. */
  acknowledge?: boolean
  /** What `startFrom` rejects with. */
  refusal?: Error
}>

/** Reads a group as a projector does: a batch counts only if the checkpoint is its `from`. */
export function readGroup(store: EventStore, options: ReaderOptions = {}) {
  const { group = 'group', batchEventsMax = 100, checkpoint = new Map() } = options
  const batches: Batch[] = []
  const records: LogRecord[] = []
  const assigned: PartitionBounds[] = []
  let failure: unknown
  let complete = false

  const startFrom = async (bounds: readonly PartitionBounds[]) => {
    assigned.push(...bounds)
    if (options.refusal !== undefined) throw options.refusal
    return new Map(bounds.map((of) => [of.partition, checkpoint.get(of.partition) ?? of.start]))
  }
  const apply = (batch: Batch) => {
    batches.push(batch)
    const { partition, from, to, events } = batch
    if ((checkpoint.get(partition) ?? 0) === from) {
      records.push(...events)
      checkpoint.set(partition, to)
    }
    if (options.acknowledge !== false) batch.ack()
  }
  const subscription = store.batches({ group, startFrom, batchEventsMax }).subscribe({
    next: apply,
    error: (error) => {
      failure = error
    },
    complete: () => {
      complete = true
    },
  })
  return {
    batches,
    records,
    assigned,
    checkpoint: checkpoint as ReadonlyMap<number, number>,
    error: () => failure,
    completed: () => complete,
    stop: () => subscription.unsubscribe(),
  }
}

/** What a call rejects with; undefined if it resolves. */
export const rejection = (call: () => Promise<unknown>): Promise<unknown> =>
  call().then(
    () => undefined,
    (error) => error,
  )

/** Long enough for what must not happen to happen. */
export const hold = () => sleep(150)
