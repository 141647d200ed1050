import type { Logger } from 'pino'
import { defer, type Observable, Subject, takeUntil, throwError } from 'rxjs'
import { TradelogError } from '../../domain/errors.ts'
import type { UnixMs } from '../../domain/time.ts'
import { allEnded } from '../../runtime/all-ended.ts'
import { closeOnce } from '../../runtime/close-once.ts'
import { inTime } from '../../runtime/in-time.ts'
import type { EventStore } from '../event-store.ts'
import { liveBatches } from './batches.ts'
import { type Bounds, boundsOf, type KafkaLog } from './bounds.ts'
import { type KafkaConnectionOptions, kafkaClient, whenServed } from './connection.ts'
import { election, type RoleState } from './election.ts'
import { closedError } from './errors.ts'
import { refuseForeignRecords } from './foreign-records.ts'
import { eventProducer } from './producer.ts'
import { boundedRawRead, boundedRead, openReader, type Reader } from './reader.ts'
import { ensureTopic, type TopicOptions } from './topic.ts'

export type KafkaEventStoreOptions = KafkaConnectionOptions &
  TopicOptions &
  Readonly<{
    /** The clock that stamps each record. */
    now?: () => UnixMs
  }>

/**
 * The log as one topic of Kafka: key = symbol, value = the event as JSON, record time = when ingest
 * recorded it. Creates an absent topic. Rejects with `EVENT_STORE_REFUSED` if the topic deletes
 * records, differs from the settings or isn't ours. Without a broker: `EVENT_STORE_UNAVAILABLE`.
 */
export const openKafkaEventStore = (options: KafkaEventStoreOptions): Promise<EventStore> =>
  whenServed(() => openTopic(options))

async function openTopic(options: KafkaEventStoreOptions): Promise<EventStore> {
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
    close: closeOnce(async () => {
      await allEnded([reader.close(), streams.close(), producer.close()])
      logger.info({ topic }, 'event store closed')
    }),
  }
}

/** The process elected for this role may append; so may one that never asked for the role. */
const writerRole = 'ingest'

function writerGate() {
  let writer: RoleState | undefined
  let lapsesReported = 0
  return {
    onState: (state: RoleState) => {
      writer = state
      lapsesReported = state.holds ? state.lapses() : 0
    },
    /** Throws if this process may not append or isn't sure; returns a check that it still may. */
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
      if (lapses > lapsesReported) {
        lapsesReported = lapses
        throw new TradelogError('ELECTION_LAPSED', 'another ingest may have appended meanwhile')
      }
      return () => writer === permitted && permitted.surely() && permitted.lapses() === lapses
    },
  }
}

/** The live streams of one store: they complete when it closes. */
type Streams = Readonly<{
  /** If the store is closed already, the stream errors. */
  untilClosed: <T>(stream: Observable<T>) => Observable<T>
  /** Leaving a group takes longer than unsubscribing: closing waits for it, up to 2 s. */
  onLeaving: (left: Promise<void>) => void
  close: () => Promise<void>
}>

/**
 * A join ends when every member has joined: if one hangs, only when its session is over. Closing
 * doesn't wait for that; the broker removes our member by itself.
 */
const leaveMsMax = 2_000

function openStreams(logger: Logger): Streams {
  const closed$ = new Subject<void>()
  const leaving = new Set<Promise<void>>()
  let isClosed = false
  return {
    untilClosed: (stream) =>
      defer(() => (isClosed ? throwError(closedError) : stream)).pipe(takeUntil(closed$)),
    onLeaving: (left) => {
      const settled = left
        .catch((err: unknown) => logger.warn({ err }, 'could not leave a consumer group'))
        .finally(() => leaving.delete(settled))
      leaving.add(settled)
    },
    close: async () => {
      isClosed = true
      closed$.next()
      await inTime(leaveMsMax, () => Promise.all(leaving))
      if (leaving.size > 0) logger.warn({ groups: leaving.size }, 'closed before groups were left')
    },
  }
}
