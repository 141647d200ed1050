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
    /** Gets the end of a subscription to wait for, as it takes longer than unsubscribing. */
    onLeaving: (left: Promise<void>) => void
  }>

const commitEveryMs = 1_000
/** A rebalance waits no longer for work in flight, so that the member is not given up. */
const settleMsMax = sessionTimeoutMs / 2
/** For what is being stored at the end of a subscription; what failed is never acknowledged. */
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
        logger.debug({ err, group }, 'the position shown by Kafka tools was not committed')
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
        // The group may have given out partitions while this member was about to leave it.
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
      // Sent before the request to leave, on the same connection; not worth waiting for.
      void commit()
      await member.leave()
    }
    return () => {
      assignment.over = true
      clearInterval(commits)
      options.onLeaving(leave())
    }
  })
