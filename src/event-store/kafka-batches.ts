import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs, { type Cluster, type Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import { Observable, type Subscriber } from 'rxjs'
import { TradelogError } from '../domain/errors.ts'
import type { Batch, BatchesOptions, PartitionBounds, Slice } from './event-store.ts'
import type { Bounds, KafkaLog } from './kafka-bounds.ts'
import { storeError } from './kafka-errors.ts'
import { type Chunk, fetchFrom, leadersOf } from './kafka-fetch.ts'
import { joinGroup, sessionTimeoutMs } from './kafka-member.ts'
import { slicesOf } from './kafka-slices.ts'

const { PartitionAssigners } = kafkajs

export type LiveOptions = BatchesOptions &
  Readonly<{
    kafka: Kafka
    log: KafkaLog
    bounds: Bounds
    logger: Logger
    /** Told how to wait for the end of a subscription, which takes longer than unsubscribing. */
    onLeaving: (left: Promise<void>) => void
  }>

/** What is held between two joins of the group. */
type Turn = {
  /** Since the group rebalances, or nobody listens any more. */
  over: boolean
  readonly positions: Map<number, number>
  readonly origins: Map<number, string | null>
  /** Requests under way, also of turns before: the connection has to outlive them. */
  readonly requests: Set<Promise<unknown>>
  /** Batches that nobody has acknowledged yet. */
  readonly unacknowledged: Map<Promise<boolean>, () => void>
}

/** Small: records of larger fetches outlive the young generation, and collecting them costs a third. */
const fetchLimits = { waitMs: 250, partitionBytesMax: 262_144, totalBytesMax: 2 * 1_048_576 }
const momentMs = 50
const commitEveryMs = 1_000
/** A rebalance waits no longer for work in flight, so that the member is not given up. */
const settleMsMax = sessionTimeoutMs / 2
/** For what is being stored when somebody unsubscribes; what failed is never acknowledged. */
const lastSettleMsMax = 500

/**
 * The group decides which partitions are ours, the caller from where; then each broker is asked
 * for those of which every batch has been acknowledged.
 */
export const liveBatches = (options: LiveOptions): Observable<Batch> =>
  new Observable((subscriber) => {
    const { log, group, logger } = options
    const uncommitted = new Map<number, number>()
    const requests = new Set<Promise<unknown>>()
    let turn = newTurn(requests)

    const commit = async () => {
      const positions = new Map(uncommitted)
      uncommitted.clear()
      if (positions.size === 0) return
      try {
        await member.commit(positions)
      } catch (err) {
        logger.debug({ err, group }, 'the position shown by Kafka tools was not committed')
      }
    }
    const member = joinGroup({
      kafka: options.kafka,
      groupId: `${log.topic}.${group}`,
      topic: log.topic,
      assigner: PartitionAssigners.roundRobin,
      onJoining: async () => {
        turn.over = true
        await settled(turn, settleMsMax)
        void commit()
      },
      onJoined: (partitions) => {
        logger.info({ group, partitions }, 'partitions assigned')
        turn = newTurn(requests)
        const { cluster } = member
        readTurn({ ...options, cluster, subscriber, turn, uncommitted }, partitions)
      },
      onLost: (error) => subscriber.error(error),
    })
    const commits = setInterval(commit, commitEveryMs)
    const leave = async () => {
      await settled(turn, lastSettleMsMax)
      for (const release of turn.unacknowledged.values()) release()
      await Promise.allSettled(requests)
      await commit()
      await member.leave()
    }
    return () => {
      turn.over = true
      clearInterval(commits)
      options.onLeaving(leave())
    }
  })

const newTurn = (requests: Turn['requests']): Turn => ({
  over: false,
  positions: new Map(),
  origins: new Map(),
  requests,
  unacknowledged: new Map(),
})

/** So that whoever reads a partition next finds stored what was delivered before. */
const settled = async (turn: Turn, timeoutMs: number): Promise<void> => {
  const timer = new AbortController()
  await Promise.race([
    Promise.allSettled(turn.unacknowledged.keys()),
    sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => {}),
  ])
  timer.abort()
}

type TurnOptions = LiveOptions &
  Readonly<{
    cluster: Cluster
    turn: Turn
    subscriber: Subscriber<Batch>
    uncommitted: Map<number, number>
  }>

const readTurn = async (options: TurnOptions, partitions: readonly number[]): Promise<void> => {
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

const fail = ({ turn, subscriber }: TurnOptions, error: unknown): void => {
  if (!turn.over) subscriber.error(storeError(error))
}

const readFrom = async (options: TurnOptions, nodeId: string, partitions: readonly number[]) => {
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
const settledSoon = async (sent: readonly Promise<void>[], partitions: number): Promise<void> => {
  if (sent.length === 0) return
  const all = Promise.all(sent)
  await Promise.race([all, sleep(momentMs, undefined, { ref: false })])
  if (sent.length === partitions) await Promise.race(sent)
}

const sendChunk = async (options: TurnOptions, chunk: Chunk): Promise<void> => {
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
const send = ({ turn, subscriber }: TurnOptions, slice: Slice, origin: string) => {
  let settle: (isAcknowledged: boolean) => void = () => {}
  const settled = new Promise<boolean>((resolve) => {
    settle = resolve
  })
  turn.unacknowledged.set(settled, () => settle(false))
  subscriber.next({ ...slice, origin, ack: () => settle(true) })
  return settled.finally(() => turn.unacknowledged.delete(settled))
}

/** A partition that was empty when it was assigned has its origin since its first record. */
const originOf = async (options: TurnOptions, partition: number): Promise<string> => {
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

const boundsOf = async (
  { cluster, turn, bounds }: TurnOptions,
  partitions: readonly number[],
): Promise<readonly PartitionBounds[]> => {
  const all = await request(turn, bounds.readAnew(cluster))
  return all.filter(({ partition }) => partitions.includes(partition))
}

const request = <T>(turn: Turn, promise: Promise<T>): Promise<T> => {
  turn.requests.add(promise)
  return promise.finally(() => turn.requests.delete(promise))
}
