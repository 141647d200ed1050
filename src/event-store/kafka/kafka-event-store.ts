import { defer } from 'rxjs'
import { TradelogError } from '../../domain/errors.ts'
import type { UnixMs } from '../../domain/time.ts'
import type { EventStore } from '../event-store.ts'
import { liveBatches } from './batches.ts'
import { type Bounds, boundsOf, type KafkaLog } from './bounds.ts'
import { type KafkaConnectionOptions, kafkaClient } from './connection.ts'
import { election, type RoleState } from './election.ts'
import { refuseForeignRecords } from './foreign-records.ts'
import { eventProducer } from './producer.ts'
import { boundedRawRead, boundedRead } from './read.ts'
import { openReader, type Reader } from './reader.ts'
import { openStreams } from './streams.ts'
import { ensureTopic, type TopicOptions } from './topic.ts'

export type KafkaEventStoreOptions = KafkaConnectionOptions &
  TopicOptions &
  Readonly<{
    /** The clock that stamps each record. */
    now?: () => UnixMs
  }>

/**
 * The log as one topic of Kafka: key = symbol, value = the event as JSON, record time = when ingest
 * recorded it. Makes the topic, or refuses with `EVENT_STORE_REFUSED` one that forgets, has other
 * partitions or is somebody else's. Rejects with `EVENT_STORE_UNAVAILABLE` while no broker answers.
 */
export async function openKafkaEventStore(options: KafkaEventStoreOptions): Promise<EventStore> {
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

function eventStore(options: KafkaEventStoreOptions, opened: OpenedLog): EventStore {
  const { topic, logger, now = Date.now } = options
  const { log, batchBytesMax, reader, bounds } = opened
  const { partitions } = log
  const kafka = (mayWrite?: () => boolean) => kafkaClient(options, mayWrite)
  const streams = openStreams(logger)
  const { untilClosed, onLeaving } = streams
  const producer = eventProducer({ kafka, topic, partitions, batchBytesMax, logger, now })
  const gate = writerGate()

  const close = async () => {
    await Promise.all([reader.close(), streams.close(), producer.close()])
    logger.info({ topic }, 'event store closed')
  }
  let closing: Promise<void> | undefined

  return {
    append: async (events) => {
      reader.closing.throwIfAborted()
      await producer.append(events, gate.require)
    },
    batches: (asked) =>
      untilClosed(
        defer(() => liveBatches({ ...asked, kafka: kafka(), log, bounds, logger, onLeaving })),
      ),
    appendRaw: async (records) => {
      reader.closing.throwIfAborted()
      await producer.appendRaw(records, gate.require)
    },
    read: (asked) => boundedRead(reader, log, asked),
    readRaw: (asked) => boundedRawRead(reader, log, asked),
    heads: () => reader.ask(bounds.read),
    elect: (role) => {
      const onState = role === writerRole ? gate.onState : () => {}
      const { settled } = producer
      return untilClosed(election({ kafka, topic, role, logger, onState, settled, onLeaving }))
    },
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

/** Who is elected for this role may append; who never stood for it may too. */
const writerRole = 'ingest'

function writerGate() {
  let writer: RoleState | undefined
  let lapsesTold = 0
  return {
    onState: (state: RoleState) => {
      writer = state
      lapsesTold = state.holds ? state.lapses() : 0
    },
    /** Throws where this process may not append, or can't know it; gives whether it still may. */
    require: (): (() => boolean) => {
      const permitted = writer
      if (permitted === undefined) return () => writer === undefined
      if (!permitted.holds) {
        throw new TradelogError('NOT_THE_ACTIVE_WRITER', 'this process is not the active ingest')
      }
      if (!permitted.surely()) {
        throw new TradelogError('EVENT_STORE_UNAVAILABLE', 'Kafka has not confirmed the election')
      }
      const lapses = permitted.lapses()
      if (lapses > lapsesTold) {
        lapsesTold = lapses
        throw new TradelogError('ELECTION_LAPSED', 'another ingest may have appended meanwhile')
      }
      return () => writer === permitted && permitted.surely() && permitted.lapses() === lapses
    },
  }
}
