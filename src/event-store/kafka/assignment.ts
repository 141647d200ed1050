import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from 'kafkajs'
import type { Subscriber } from 'rxjs'
import { TradelogError } from '../../domain/errors.ts'
import type { Batch, BatchesOptions, PartitionBounds, Slice } from '../event-store.ts'
import type { Bounds, KafkaLog } from './bounds.ts'
import { storeError } from './errors.ts'
import { type Chunk, fetchFrom, leadersOf } from './fetch.ts'
import { slicesOf } from './slices.ts'

/** What is held between two joins of the group. */
export type Turn = {
  /** Since the group rebalances, or nobody listens any more. */
  over: boolean
  readonly positions: Map<number, number>
  readonly origins: Map<number, string | null>
  /** Requests under way, also of turns before: the connection has to outlive them. */
  readonly requests: Set<Promise<unknown>>
  /** Batches that nobody has acknowledged yet. */
  readonly unacknowledged: Map<Promise<boolean>, () => void>
}

export type TurnOptions = BatchesOptions &
  Readonly<{
    log: KafkaLog
    bounds: Bounds
    cluster: Cluster
    turn: Turn
    subscriber: Subscriber<Batch>
    /** Takes what has been acknowledged. */
    uncommitted: Map<number, number>
  }>

/** Enough of a partition for the largest batch there usually is. */
const fetchLimits = { waitMs: 250, partitionBytesMax: 1_048_576, totalBytesMax: 4 * 1_048_576 }
const momentMs = 50

export const newTurn = (requests: Turn['requests']): Turn => ({
  over: false,
  positions: new Map(),
  origins: new Map(),
  requests,
  unacknowledged: new Map(),
})

/** Reads the assigned partitions from where the caller says, until the turn is over. */
export async function readTurn(options: TurnOptions, partitions: readonly number[]): Promise<void> {
  const { cluster, turn, log } = options
  try {
    const bounds = await boundsOf(options, partitions)
    if (turn.over) return
    const positions = await options.position(bounds)
    for (const { partition, start, origin } of bounds) {
      turn.positions.set(partition, positions.get(partition) ?? start)
      turn.origins.set(partition, origin)
    }
    if (turn.over) return
    const leaders = leadersOf(cluster, log.topic, partitions)
    await Promise.all(leaders.map(([nodeId, led]) => readFrom(options, nodeId, led)))
  } catch (error) {
    fail(options, error)
  }
}

function fail({ turn, subscriber }: TurnOptions, error: unknown): void {
  if (!turn.over) subscriber.error(storeError(error))
}

async function readFrom(options: TurnOptions, nodeId: string, partitions: readonly number[]) {
  const { cluster, turn, log } = options
  const busy = new Map<number, Promise<void>>()
  while (!turn.over) {
    const idle = partitions.filter((partition) => !busy.has(partition))
    const positions = new Map(idle.map((each) => [each, turn.positions.get(each) ?? 0]))
    const limits = { ...fetchLimits, waitMs: busy.size > 0 ? momentMs : fetchLimits.waitMs }
    const fetch = fetchFrom(cluster, nodeId, { ...limits, topic: log.topic, positions })
    for (const chunk of await request(turn, fetch)) {
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
 * Waits for every partition, so that one fetch serves them all, but no longer than a moment: then
 * a slow one no longer holds up the others.
 */
async function settledSoon(sent: readonly Promise<void>[], partitions: number): Promise<void> {
  if (sent.length === 0) return
  const all = Promise.all(sent)
  await Promise.race([all, sleep(momentMs, undefined, { ref: false })])
  if (sent.length === partitions) await Promise.race(sent)
}

async function sendChunk(options: TurnOptions, chunk: Chunk): Promise<void> {
  const { turn, uncommitted } = options
  const { partition } = chunk
  if (turn.over) return
  const origin = await originOf(options, partition)
  for (const slice of slicesOf(chunk, options.batchEventsMax)) {
    if (turn.over) return
    const isAcknowledged = await send(options, slice, origin)
    if (!isAcknowledged) return
    turn.positions.set(partition, slice.to)
    uncommitted.set(partition, slice.to)
  }
}

/** Resolves to false where the end of the subscription came before the acknowledgement. */
function send({ turn, subscriber }: TurnOptions, slice: Slice, origin: string) {
  let settle: (isAcknowledged: boolean) => void = () => {}
  const settled = new Promise<boolean>((resolve) => {
    settle = resolve
  })
  turn.unacknowledged.set(settled, () => settle(false))
  subscriber.next({ ...slice, origin, ack: () => settle(true) })
  return settled.finally(() => turn.unacknowledged.delete(settled))
}

/** A partition that was empty when it was assigned has its origin since its first record. */
async function originOf(options: TurnOptions, partition: number): Promise<string> {
  const known = options.turn.origins.get(partition)
  if (typeof known === 'string') return known
  const [bounds] = await boundsOf(options, [partition])
  const origin = bounds?.origin ?? null
  if (origin === null) {
    throw new TradelogError('EVENT_STORE_UNAVAILABLE', `partition ${partition} lost its records`)
  }
  options.turn.origins.set(partition, origin)
  return origin
}

async function boundsOf(
  { cluster, turn, bounds }: TurnOptions,
  partitions: readonly number[],
): Promise<readonly PartitionBounds[]> {
  const all = await request(turn, bounds.readAnew(cluster, partitions))
  return all.filter(({ partition }) => partitions.includes(partition))
}

function request<T>(turn: Turn, promise: Promise<T>): Promise<T> {
  turn.requests.add(promise)
  return promise.finally(() => turn.requests.delete(promise))
}

/** So that whoever reads a partition next finds stored what was delivered before. */
export async function settled(turn: Turn, timeoutMs: number): Promise<void> {
  const timer = new AbortController()
  await Promise.race([
    Promise.allSettled(turn.unacknowledged.keys()),
    sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => {}),
  ])
  timer.abort()
}
