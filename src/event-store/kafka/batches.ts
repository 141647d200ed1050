import kafkajs, { type Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import { Observable } from 'rxjs'
import { crashPoint } from '../../runtime/crash-point.ts'
import type { Batch, BatchesOptions } from '../event-store.ts'
import { newAssignment, readAssignment, settled } from './assignment.ts'
import type { Bounds, KafkaLog } from './bounds.ts'
import { joinGroup, sessionTimeoutMs } from './member.ts'

const { PartitionAssigners } = kafkajs

type LiveOptions = BatchesOptions &
  Readonly<{
    kafka: Kafka
    log: KafkaLog
    bounds: Bounds
    logger: Logger
    /** Gets the promise to wait for: leaving the group takes longer than unsubscribing. */
    onLeaving: (left: Promise<void>) => void
  }>

const commitEveryMs = 1_000
/** How long a rebalance waits for work in flight: after a whole session the member is dropped. */
const settleMsMax = sessionTimeoutMs / 2
/** How long the end of a subscription waits for batches in work; failed ones are never acked. */
const lastSettleMsMax = 500

/**
 * The group assigns the partitions, the caller says where to begin. Each fetch then asks a broker
 * for those of its partitions of which every batch has been acknowledged.
 */
export const liveBatches = (options: LiveOptions): Observable<Batch> =>
  new Observable((subscriber) => {
    const { log, group, logger } = options
    const uncommitted = new Map<number, number>()
    const requests = new Set<Promise<unknown>>()
    let assignment = newAssignment(requests)

    const commit = async () => {
      const positions = new Map(uncommitted)
      uncommitted.clear()
      if (positions.size === 0) return
      try {
        crashPoint('kafka-commit:ready')
        await member.commit(positions)
        crashPoint('kafka-commit:committed')
      } catch (err) {
        logger.debug({ err, group }, 'offsets not committed; only Kafka tools read them')
      }
    }
    const member = joinGroup({
      kafka: options.kafka,
      groupId: `${log.topic}.${group}`,
      topic: log.topic,
      assigner: PartitionAssigners.roundRobin,
      onJoining: async () => {
        assignment.over = true
        await settled(assignment, settleMsMax)
        void commit()
      },
      onJoined: (partitions) => {
        // The group may assign partitions to a member that is about to leave.
        if (subscriber.closed) return
        logger.info({ group, partitions }, 'partitions assigned')
        assignment = newAssignment(requests)
        const { cluster } = member
        readAssignment({ ...options, cluster, subscriber, assignment, uncommitted }, partitions)
      },
      onLost: (error) => subscriber.error(error),
    })
    const commits = setInterval(commit, commitEveryMs)
    const leave = async () => {
      await settled(assignment, lastSettleMsMax)
      for (const release of assignment.unacknowledged.values()) release()
      await Promise.allSettled(requests)
      // No need to wait: it is sent before the request to leave, on the same connection.
      void commit()
      await member.leave()
    }
    return () => {
      assignment.over = true
      clearInterval(commits)
      options.onLeaving(leave())
    }
  })
