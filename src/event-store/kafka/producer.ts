import kafkajs, { type Kafka, type Message, type Producer } from 'kafkajs'
import type { Logger } from 'pino'
import { TradelogError } from '../../domain/errors.ts'
import { encodeEvent, eventKey, type TradelogEvent } from '../../domain/event.ts'
import { partitionOf } from '../../domain/partition.ts'
import type { RawRecord } from '../../domain/recorded-event.ts'
import type { UnixMs } from '../../domain/time.ts'
import { allEnded } from '../../runtime/all-ended.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import { marksOf, storeError } from './errors.ts'

const { Partitioners } = kafkajs

type ProducerOptions = Readonly<{
  /** Makes a client that calls `mayWrite` before each write. */
  kafka: (mayWrite: () => boolean) => Kafka
  topic: string
  partitions: number
  /** The broker's limit of one batch of records. */
  batchBytesMax: number
  logger: Logger
  now: () => UnixMs
}>

type Permit = () => () => boolean

type EventProducer = Readonly<{
  /**
   * Runs appends one after the other. When one begins, `permit` throws if this process may not
   * append, or returns a check that it still may.
   */
  append: (events: readonly TradelogEvent[], permit: Permit) => Promise<void>
  /** As `append`, for records of another log: each keeps its partition and its time. */
  appendRaw: (records: readonly RawRecord[], permit: Permit) => Promise<void>
  /** Resolves when no append is in progress. */
  settled: () => Promise<void>
  /** Waits for the append in progress. */
  close: () => Promise<void>
}>

/** Messages of one partition that go out as one record batch, now and at every retry. */
type Part = { partition: number; messages: Message[]; acknowledged: boolean }
type Pending = Readonly<{ given: readonly unknown[]; parts: readonly Part[] }>
/** What is to be sent: the array that the caller gave, and the message of each entry. */
type Given = Readonly<{ given: readonly unknown[]; messages: () => Iterable<NewMessage> }>
type NewMessage = Readonly<{
  partition: number
  key: string | null
  value: string | null
  timestamp: string
}>

/**
 * The broker detects a repeated record batch by its producer, partition, sequence and count. So a
 * send holds one partition only (if a part of a send fails, kafkajs takes back the sequences of
 * all), a part keeps its messages until it is acknowledged, and one per partition is in flight.
 */
export function eventProducer(options: ProducerOptions): EventProducer {
  let pending: Pending | undefined
  let producer: Promise<Producer> | undefined
  let sent = 0
  let mayWrite = () => false

  const drop = async () => {
    const former = producer
    producer = undefined
    sent = 0
    await former?.then((each) => each.disconnect())
  }

  const connected = async () => {
    producer ??= connect(options.kafka(() => mayWrite()))
    try {
      return await producer
    } catch (error) {
      producer = undefined
      throw error
    }
  }

  const append = async ({ given, messages }: Given) => {
    // With the sequences of unfinished events, other ones could be taken for their retry.
    const others = pending !== undefined && pending.given !== given
    if (others || sent >= sequenceMax) await drop()
    if (others) pending = undefined
    pending ??= { given, parts: partsOf(messages(), options.batchBytesMax) }
    const connection = await connected()
    crashPoint('append:producer-connected')
    await sendParts(connection, options.topic, pending.parts)
    crashPoint('append:parts-acknowledged')
    sent += given.length
    pending = undefined
  }

  const recovering = async (given: Given) => {
    try {
      await append(given)
    } catch (error) {
      if (lostSequence(error)) {
        options.logger.error({ err: error }, 'the broker lost this producer; making a new one')
        await drop()
      }
      throw storeError(error)
    }
  }

  let last: Promise<void> = Promise.resolve()
  const enqueue = (given: Given, permit: Permit) => {
    const appended = last.then(() => {
      mayWrite = permit()
      return recovering(given)
    })
    last = appended.catch(() => {})
    return appended
  }
  return {
    append: (events, permit) =>
      enqueue({ given: events, messages: () => eventMessages(events, options) }, permit),
    appendRaw: (records, permit) =>
      enqueue({ given: records, messages: () => records.map(rawMessage) }, permit),
    settled: () => last,
    close: () => last.then(drop),
  }
}

/** kafkajs skips a number when the sequence, 31 bits per partition, restarts at 0. */
const sequenceMax = 2 ** 30

const lostSequence = (error: unknown): boolean =>
  marksOf(error).some((mark) =>
    ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH'].includes(
      mark,
    ),
  )

async function connect(kafka: Kafka): Promise<Producer> {
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  try {
    await producer.connect()
    return producer
  } catch (error) {
    await producer.disconnect()
    throw error
  }
}

/** An upper bound of what a record batch adds to each key and value: lengths and deltas. */
const recordOverheadBytes = 48
const batchOverheadBytes = 128

function* eventMessages(
  events: readonly TradelogEvent[],
  { partitions, now }: ProducerOptions,
): Generator<NewMessage> {
  const timestamp = String(now())
  for (const event of events) {
    const key = eventKey(event)
    const value = encodeEvent(event)
    yield { partition: partitionOf(key, partitions), key, value, timestamp }
  }
}

function rawMessage({ partition, key, value, recordedAt }: RawRecord): NewMessage {
  return { partition, key, value, timestamp: String(recordedAt) }
}

function partsOf(messages: Iterable<NewMessage>, batchBytesMax: number): readonly Part[] {
  const parts: Part[] = []
  const open = new Map<number, { part: Part; bytes: number }>()
  for (const message of messages) {
    const { partition, key, value } = message
    const bytes =
      Buffer.byteLength(key ?? '') + Buffer.byteLength(value ?? '') + recordOverheadBytes
    if (bytes + batchOverheadBytes > batchBytesMax) throw tooLarge(key, bytes, batchBytesMax)
    let last = open.get(partition)
    if (last === undefined || last.bytes + bytes > batchBytesMax) {
      last = { part: { partition, messages: [], acknowledged: false }, bytes: batchOverheadBytes }
      open.set(partition, last)
      parts.push(last.part)
    }
    last.part.messages.push(message)
    last.bytes += bytes
  }
  return parts
}

const tooLarge = (symbol: string | null, bytes: number, limit: number) =>
  new TradelogError(
    'EVENT_TOO_LARGE',
    `an event of ${symbol} takes ${bytes} bytes, the broker allows ${limit} (max.message.bytes)`,
    { fields: { symbol, bytes, limit } },
  )

/** Sends partitions in parallel, the parts of one in order. Rejects only after all have ended. */
async function sendParts(producer: Producer, topic: string, parts: readonly Part[]) {
  const byPartition = new Map<number, Part[]>()
  for (const part of parts) {
    if (part.acknowledged) continue
    byPartition.set(part.partition, [...(byPartition.get(part.partition) ?? []), part])
  }
  await allEnded(
    [...byPartition.values()].map(async (inOrder) => {
      for (const part of inOrder) await sendPart(producer, topic, part)
    }),
  )
}

async function sendPart(producer: Producer, topic: string, part: Part): Promise<void> {
  try {
    crashPoint('append:part-ready')
    const acknowledgements = await producer.send({ topic, messages: part.messages, acks: -1 })
    // kafkajs resolves without an error if a leader moved during the send and nothing was sent.
    if (!acknowledgements.some(({ partition }) => partition === part.partition)) {
      throw new TradelogError('EVENT_STORE_UNAVAILABLE', `partition ${part.partition} sent nothing`)
    }
  } catch (error) {
    // The broker has this batch from an earlier attempt, but no longer knows its offset.
    if (!marksOf(error).includes('DUPLICATE_SEQUENCE_NUMBER')) throw error
  }
  part.acknowledged = true
  crashPoint('append:part-acknowledged')
}
