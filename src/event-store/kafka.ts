import { defer, type Observable, Subject, takeUntil, throwError } from 'rxjs'
import { TradelogError } from '../domain/errors.ts'
import type { UnixMs } from '../domain/trade-executed.ts'
import type { EventStore } from './event-store.ts'
import { liveBatches } from './kafka-batches.ts'
import { type Bounds, boundsOf, type KafkaLog } from './kafka-bounds.ts'
import { type KafkaConnectionOptions, kafkaClient } from './kafka-connection.ts'
import { election, type RoleState } from './kafka-election.ts'
import { closedError } from './kafka-errors.ts'
import { refuseForeignRecords } from './kafka-foreign.ts'
import { eventProducer } from './kafka-producer.ts'
import { boundedRead } from './kafka-read.ts'
import { openReader, type Reader } from './kafka-reader.ts'
import { ensureTopic, type TopicOptions } from './kafka-topic.ts'

export type KafkaEventStoreOptions = KafkaConnectionOptions &
  TopicOptions &
  Readonly<{
    /** The clock that stamps each record. */
    now?: () => UnixMs
  }>

/**
 * The log as one topic of Kafka: key = symbol, value = the event as JSON, record time = when ingest
 * recorded it. Makes the topic, or refuses one that forgets, has other partitions or is somebody
 * else's, with `EVENT_STORE_REFUSED`; rejects with `EVENT_STORE_UNAVAILABLE` while no broker answers.
 */
export const openKafkaEventStore = async (options: KafkaEventStoreOptions): Promise<EventStore> => {
  const { topic, partitions, logger } = options
  const { clusterId, batchBytesMax } = await ensureTopic(kafkaClient(options), options)
  const log: KafkaLog = { clusterId, topic, partitions }
  const reader = await openReader(kafkaClient(options), topic)
  const bounds = boundsOf(log)
  try {
    await reader.ask(async (cluster) =>
      refuseForeignRecords(cluster, log, await bounds.read(cluster)),
    )
  } catch (error) {
    await reader.close()
    throw error
  }
  logger.info({ topic, partitions }, 'event store opened')
  return eventStore(options, { log, batchBytesMax, reader, bounds })
}

type OpenedLog = Readonly<{
  log: KafkaLog
  batchBytesMax: number
  reader: Reader
  bounds: Bounds
}>

const eventStore = (options: KafkaEventStoreOptions, opened: OpenedLog): EventStore => {
  const { topic, logger, now = Date.now } = options
  const { log, batchBytesMax, reader, bounds } = opened
  const { partitions } = log
  const kafka = () => kafkaClient(options)
  const producer = eventProducer({ kafka, topic, partitions, batchBytesMax, logger, now })
  const closed$ = new Subject<void>()
  const leaving = new Set<Promise<void>>()
  let lastAppend: Promise<void> = Promise.resolve()
  let writer: RoleState | undefined

  const onLeaving = (left: Promise<void>) => {
    const settled = left
      .catch((err: unknown) => logger.warn({ err }, 'a consumer group was left by force'))
      .finally(() => leaving.delete(settled))
    leaving.add(settled)
  }
  /** A stream that ends with the store, and that a closed store refuses. */
  const untilClosed = <T>(stream: Observable<T>): Observable<T> =>
    defer(() => (reader.closing.aborted ? throwError(closedError) : stream)).pipe(
      takeUntil(closed$),
    )
  const close = async () => {
    const readerClosed = reader.close()
    closed$.next()
    await lastAppend
    await Promise.all([...leaving, producer.close(), readerClosed])
    logger.info({ topic }, 'event store closed')
  }
  let closeOnce: Promise<void> | undefined

  return {
    append: async (events) => {
      reader.closing.throwIfAborted()
      const append = lastAppend.then(async () => {
        requireWriter(writer)
        await producer.append(events)
      })
      lastAppend = append.catch(() => {})
      await append
    },
    batches: (batchesOptions) =>
      untilClosed(
        defer(() =>
          liveBatches({ ...batchesOptions, kafka: kafka(), log, bounds, logger, onLeaving }),
        ),
      ),
    read: (readOptions) => boundedRead(reader, log, readOptions),
    heads: () => reader.ask(bounds.read),
    elect: (role) =>
      untilClosed(
        election({
          kafka,
          topic,
          role,
          logger,
          onLeaving,
          onState: (state) => {
            if (role === writerRole) writer = state
          },
        }),
      ),
    close: () => {
      closeOnce ??= close()
      return closeOnce
    },
  }
}

/** Who is elected for this role may append; who never stood for it may too. */
const writerRole = 'ingest'

const requireWriter = (writer: RoleState | undefined): void => {
  if (writer === undefined) return
  if (!writer.holds) {
    throw new TradelogError('NOT_THE_ACTIVE_WRITER', 'another process has become the active ingest')
  }
  if (!writer.surely()) {
    throw new TradelogError(
      'EVENT_STORE_UNAVAILABLE',
      'Kafka has not confirmed the election lately',
    )
  }
}
