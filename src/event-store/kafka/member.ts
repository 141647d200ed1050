import type { Cluster, Consumer, Kafka, PartitionAssigner } from 'kafkajs'
import type { TradelogError } from '../../domain/errors.ts'
import { storeError } from './errors.ts'
import { beforeEachJoin, consumerWithCluster } from './kafkajs-patches.ts'

type MemberOptions = Readonly<{
  kafka: Kafka
  groupId: string
  topic: string
  assigner: PartitionAssigner
  /** Called before every join, also the first. The assignment ends when this resolves. */
  onJoining: () => Promise<void>
  onJoined: (partitions: readonly number[]) => void
  /** The coordinator confirmed the membership as asked at that time. Called before `onJoined`. */
  onConfirmed?: (askedAt: number) => void
  /** Called once, if the membership ends without `leave`. */
  onLost: (error: TradelogError) => void
}>

/** A member of a consumer group: partitions are assigned to it, but it doesn't read them. */
export type Member = Readonly<{
  cluster: Cluster
  commit: (positions: ReadonlyMap<number, number>) => Promise<void>
  /** Waits for a join in progress. */
  leave: () => Promise<void>
}>

export const sessionTimeoutMs = 10_000
const heartbeatMs = 1_000
/** How long a rebalance waits for a member that is still busy. */
const rebalanceTimeoutMs = 30_000
/** How often a member that reads nothing checks whether to send a heartbeat or to stop. */
const idleMs = 250

/**
 * Runs kafkajs' consumer with every partition paused: it joins, sends heartbeats and follows
 * rebalances, however long the work on a batch takes. Its positions are not used: they restart at
 * every rebalance, and jump if they are out of range.
 */
export function joinGroup(options: MemberOptions): Member {
  const { topic, groupId, onJoining, onJoined, onLost } = options
  const { consumer, cluster } = consumerWithCluster(options.kafka, options.assigner, {
    groupId,
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: heartbeatMs,
    rebalanceTimeout: rebalanceTimeoutMs,
    maxWaitTimeInMs: idleMs,
    retry: { retries: 3, restartOnFailure: async () => false },
  })
  let leaving = false
  onEachConfirmation(consumer, options.onConfirmed ?? (() => {}))
  const lose = (error: unknown) => {
    if (leaving) return
    leaving = true
    onLost(storeError(error))
  }
  beforeEachJoin(cluster, async () => {
    if (leaving) throw new Error('leaving the group')
    await onJoining()
  })
  consumer.on(consumer.events.CRASH, ({ payload }) => lose(payload.error))
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    consumer.pause([{ topic }])
    if (!leaving) onJoined(payload.memberAssignment[topic] ?? [])
  })
  const start = async () => {
    await consumer.connect()
    await consumer.subscribe({ topics: [topic] })
    await consumer.run({ autoCommit: false, eachBatch: async () => {} })
  }
  const started = start().catch(lose)
  return {
    cluster,
    commit: (positions) =>
      consumer.commitOffsets(
        [...positions].map(([partition, at]) => ({ topic, partition, offset: String(at) })),
      ),
    // A consumer that is stopped while it starts would keep running.
    leave: async () => {
      leaving = true
      await started
      await consumer.disconnect()
    },
  }
}

/** An answer may be read long after it was sent, so the time of its request counts. */
function onEachConfirmation(consumer: Consumer, confirm: (askedAt: number) => void): void {
  let askedAt = 0
  consumer.on(consumer.events.REQUEST, ({ payload: { apiName, sentAt } }) => {
    if (apiName === 'Heartbeat' || apiName === 'SyncGroup') askedAt = sentAt
  })
  consumer.on(consumer.events.HEARTBEAT, () => confirm(askedAt))
  consumer.on(consumer.events.GROUP_JOIN, () => confirm(askedAt))
}
