import kafkajs, { type Cluster, type Kafka } from 'kafkajs'
import { consumerWithCluster, patiently } from './connection.ts'
import { closedError } from './errors.ts'

const { PartitionAssigners } = kafkajs

/** A connection for requests outside of any group. */
export type Reader = Readonly<{
  /** Aborted, with `EVENT_STORE_CLOSED`, as soon as closing begins. */
  closing: AbortSignal
  /** Tries again through passing faults; rejects once the reader is closed. */
  ask: <T>(question: (cluster: Cluster) => Promise<T>) => Promise<T>
  /** Waits for the requests under way. */
  close: () => Promise<void>
}>

export async function openReader(kafka: Kafka, topic: string): Promise<Reader> {
  // Never run, so it never joins its group.
  const groupId = `${topic}.reader`
  const { consumer, cluster } = consumerWithCluster(kafka, PartitionAssigners.roundRobin, {
    groupId,
  })
  const closing = new AbortController()
  const questions = new Set<Promise<unknown>>()
  const ask: Reader['ask'] = async (question) => {
    closing.signal.throwIfAborted()
    const answer = patiently(cluster, () => question(cluster), closing.signal)
    questions.add(answer)
    return answer.finally(() => questions.delete(answer))
  }
  const close = async () => {
    closing.abort(closedError())
    await Promise.allSettled(questions)
    await consumer.disconnect()
  }
  try {
    await ask(() => cluster.addTargetTopic(topic))
    return { closing: closing.signal, ask, close }
  } catch (error) {
    await close()
    throw error
  }
}
