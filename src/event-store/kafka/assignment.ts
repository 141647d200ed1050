import type { Cluster } from 'kafkajs'
import type { Subscriber } from 'rxjs'
import { TradelogError } from '../../domain/errors.ts'
import { inTime } from '../../runtime/in-time.ts'
import type { Batch, BatchesOptions, PartitionBounds, Slice } from '../event-store.ts'
import type { Bounds, KafkaLog } from './bounds.ts'
import { storeError } from './errors.ts'
import { type Chunk, fetchFrom, leadersOf } from './fetch.ts'
import { slicesOf } from './slices.ts'

/** The state between two joins of the group. */
type Assignment = {
  /** True once the group rebalances or the subscription has ended. */
  over: boolean
  readonly positions: Map<number, number>
  readonly origins: Map<number, string | null>
  /** Requests in flight, also of earlier assignments: the connection has to outlive them. */
  readonly requests: Set<Promise<unknown>>
  /** Batches that are not acknowledged yet. */
  readonly unacknowledged: Map<Promise<boolean>, () => void>
}

type AssignmentOptions = BatchesOptions &
  Readonly<{
    log: KafkaLog
    bounds: Bounds
    cluster: Cluster
    assignment: Assignment
    subscriber: Subscriber<Batch>
    /** Per partition, the next offset after what was acknowledged since the last commit. */
    uncommitted: Map<number, number>
  }>

/** The limit of a partition fits the largest usual batch. */
const fetchLimits = { waitMs: 250, partitionBytesMax: 1_048_576, totalBytesMax: 4 * 1_048_576 }
const momentMs = 50

export const newAssignment = (requests: Assignment['requests']): Assignment => ({
  over: false,
  positions: new Map(),
  origins: new Map(),
  requests,
  unacknowledged: new Map(),
})

/** Reads the assigned partitions from the caller's positions on, until the assignment is over. */
export async function readAssignment(
  options: AssignmentOptions,
  partitions: readonly number[],
): Promise<void> {
  const { cluster, assignment, log } = options
  try {
    const bounds = await boundsOf(options, partitions)
    if (assignment.over) return
    const positions = await options.startFrom(bounds)
    for (const { partition, start, origin } of bounds) {
      assignment.positions.set(partition, positions.get(partition) ?? start)
      assignment.origins.set(partition, origin)
    }
    if (assignment.over) return
    const leaders = leadersOf(cluster, log.topic, partitions)
    await Promise.all(leaders.map(([nodeId, led]) => readFrom(options, nodeId, led)))
  } catch (error) {
    fail(options, error)
  }
}

function fail({ assignment, subscriber }: AssignmentOptions, error: unknown): void {
  if (!assignment.over) subscriber.error(storeError(error))
}

async function readFrom(options: AssignmentOptions, nodeId: string, partitions: readonly number[]) {
  const { cluster, assignment, log } = options
  const busy = new Map<number, Promise<void>>()
  while (!assignment.over) {
    const idle = partitions.filter((partition) => !busy.has(partition))
    const positions = new Map(idle.map((each) => [each, assignment.positions.get(each) ?? 0]))
    const limits = { ...fetchLimits, waitMs: busy.size > 0 ? momentMs : fetchLimits.waitMs }
    const fetch = fetchFrom(cluster, nodeId, { ...limits, topic: log.topic, positions })
    for (const chunk of await request(assignment, fetch)) {
      const { partition } = chunk
      const sent = sendChunk(options, chunk)
        .catch((error: unknown) => fail(options, error))
        .finally(() => busy.delete(partition))
      busy.set(partition, sent)
    }
    await settledSoon([...busy.values()], partitions.length)
  }
}

/**
 * Waits a moment for every partition, so that one fetch serves them all and a slow one delays no
 * other. If all are still busy then, it waits for the first.
 */
async function settledSoon(sent: readonly Promise<void>[], partitions: number): Promise<void> {
  if (sent.length === 0) return
  await inTime(momentMs, () => Promise.all(sent))
  if (sent.length === partitions) await Promise.race(sent)
}

async function sendChunk(options: AssignmentOptions, chunk: Chunk): Promise<void> {
  const { assignment, uncommitted } = options
  const { partition } = chunk
  if (assignment.over) return
  const origin = await originOf(options, partition)
  for (const slice of slicesOf(chunk, options.batchEventsMax)) {
    if (assignment.over) return
    const isAcknowledged = await send(options, slice, origin)
    if (!isAcknowledged) return
    assignment.positions.set(partition, slice.to)
    uncommitted.set(partition, slice.to)
  }
}

/** Resolves to false if the subscription ended before the acknowledgement. */
function send({ assignment, subscriber }: AssignmentOptions, slice: Slice, origin: string) {
  let settle: (isAcknowledged: boolean) => void = () => {}
  const settled = new Promise<boolean>((resolve) => {
    settle = resolve
  })
  assignment.unacknowledged.set(settled, () => settle(false))
  subscriber.next({ ...slice, origin, ack: () => settle(true) })
  return settled.finally(() => assignment.unacknowledged.delete(settled))
}

/** A partition that was empty when it was assigned gets its origin from its first record. */
async function originOf(options: AssignmentOptions, partition: number): Promise<string> {
  const known = options.assignment.origins.get(partition)
  if (typeof known === 'string') return known
  const [bounds] = await boundsOf(options, [partition])
  const origin = bounds?.origin ?? null
  if (origin === null) {
    throw new TradelogError('EVENT_STORE_UNAVAILABLE', `partition ${partition} lost its records`)
  }
  options.assignment.origins.set(partition, origin)
  return origin
}

async function boundsOf(
  { cluster, assignment, bounds }: AssignmentOptions,
  partitions: readonly number[],
): Promise<readonly PartitionBounds[]> {
  const all = await request(assignment, bounds.readAnew(cluster, partitions))
  return all.filter(({ partition }) => partitions.includes(partition))
}

function request<T>(assignment: Assignment, promise: Promise<T>): Promise<T> {
  assignment.requests.add(promise)
  return promise.finally(() => assignment.requests.delete(promise))
}

/** Waits for acknowledgements: a partition's next reader must find stored what was delivered. */
export async function settled(assignment: Assignment, timeoutMs: number): Promise<void> {
  await inTime(timeoutMs, () => Promise.allSettled(assignment.unacknowledged.keys()))
}
