import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs, { type Cluster, type Kafka, type KafkaConfig, type logCreator } from 'kafkajs'
import type { Logger } from 'pino'
import { marksOf, storeError } from './errors.ts'
import { guardedSockets, patchKafkajs } from './kafkajs-patches.ts'

const { logLevel } = kafkajs

export type KafkaConnectionOptions = Readonly<{
  brokers: readonly string[]
  clientId: string
  /** TLS: true trusts the system's certificate authorities; else the options of Node's TLS. */
  ssl?: NonNullable<KafkaConfig['ssl']>
  sasl?: NonNullable<KafkaConfig['sasl']>
  connectionTimeoutMs: number
  requestTimeoutMs: number
  logger: Logger
}>

/**
 * Makes a new client: kafkajs keeps committed offsets per client and group, so two members of one
 * group in one process must not share one. `mayWrite` is called before each write into the log.
 */
export function kafkaClient(options: KafkaConnectionOptions, mayWrite?: () => boolean): Kafka {
  patchKafkajs()
  return new kafkajs.Kafka({
    brokers: [...options.brokers],
    clientId: options.clientId,
    connectionTimeout: options.connectionTimeoutMs,
    authenticationTimeout: options.connectionTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 4 },
    logLevel: options.logger.isLevelEnabled('trace') ? logLevel.DEBUG : logLevel.WARN,
    logCreator: quietLog(options.logger),
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
    ...(options.sasl === undefined ? {} : { sasl: options.sasl }),
    ...(mayWrite === undefined ? {} : { socketFactory: guardedSockets(mayWrite) }),
  })
}

const attemptsMax = 5
const firstPauseMs = 100

/** Retries after a change of leader or a lost connection, but not if a broker hangs. */
export async function retryBriefly<T>(
  cluster: Cluster,
  operation: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    try {
      await cluster.connect()
      if (attempt > 1) await cluster.refreshMetadata()
      return await operation()
    } catch (error) {
      const { retriable } = storeError(error)
      const hangs = marksOf(error).includes('KafkaJSRequestTimeoutError')
      if (!retriable || hangs || attempt === attemptsMax) throw storeError(error)
      await sleep(firstPauseMs * 2 ** (attempt - 1))
    }
  }
}

const servedAttemptsMax = 10
const servedPauseMsMax = 1_000

/** Retries, with pauses of 7 s in all, while a busy broker doesn't serve a topic that is new. */
export async function whenServed<T>(
  operation: () => Promise<T>,
  pause: (ms: number) => Promise<unknown> = sleep,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await operation()
    } catch (error) {
      const isNew = marksOf(error).includes('UNKNOWN_TOPIC_OR_PARTITION')
      if (!isNew || attempt === servedAttemptsMax) throw error
      await pause(Math.min(firstPauseMs * 2 ** (attempt - 1), servedPauseMsMax))
    }
  }
}

/**
 * kafkajs logs a lot while a broker is away. What matters also reaches this store as a rejection
 * or a crash event, and is logged there.
 */
const quietLog =
  (logger: Logger): logCreator =>
  () =>
  ({ level, namespace, log: { message, timestamp: _, logger: __, ...fields } }) => {
    const write = level <= logLevel.WARN ? 'debug' : 'trace'
    logger[write]({ ...fields, kafkajs: namespace }, message)
  }
