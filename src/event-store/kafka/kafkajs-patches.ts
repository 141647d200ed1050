import { createRequire } from 'node:module'
import type {
  Broker,
  Cluster,
  Consumer,
  ConsumerConfig,
  ISocketFactory,
  Kafka,
  PartitionAssigner,
} from 'kafkajs'

/** Everything that uses internals of kafkajs 2.2.4 is in this file, each use with its reason. */
const require = createRequire(import.meta.url)

let isPatched = false

/** Patches the connections of this process; a second call does nothing. */
export function patchKafkajs(): void {
  if (isPatched) return
  isPatched = true
  armTimerOnlyWhilePending()
  connectOnceAtATime()
}

type RequestQueue = {
  pending: readonly unknown[]
  throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  checkPendingRequests(): void
}

const pendingCheckMs = 10

/**
 * kafkajs arms a timer of 1 ms again and again on every idle connection. That costs 4 % of a core,
 * and Node 24 warns of its negative delay. Here the timer is armed only while requests wait.
 * https://github.com/tulios/kafkajs/issues/1556, https://github.com/tulios/kafkajs/issues/1751
 */
function armTimerOnlyWhilePending(): void {
  const { prototype } = require('kafkajs/src/network/requestQueue')
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length === 0 || this.throttleCheckTimeoutId !== null) return
    const throttledMs = this.throttledUntil - Date.now()
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null
        this.checkPendingRequests()
      },
      throttledMs > 0 ? throttledMs : pendingCheckMs,
    )
  }
}

type Connect = (this: object) => Promise<boolean>

/**
 * Two requests at once on a connection that isn't open yet make kafkajs open two sockets and lose
 * one of them. That one stays open and keeps the process from ending. Here the second request
 * waits for the connection of the first.
 */
function connectOnceAtATime(): void {
  const { prototype }: { prototype: { connect: Connect } } =
    require('kafkajs/src/network/connection')
  const { connect } = prototype
  const underWay = new WeakMap<object, Promise<boolean>>()
  prototype.connect = function () {
    const connecting = underWay.get(this) ?? connect.call(this).finally(() => underWay.delete(this))
    underWay.set(this, connecting)
    return connecting
  }
}

/**
 * Sockets that call `mayWrite` at the moment a record batch leaves this process, and end the
 * connection if it says no. An earlier check is not enough: the event loop runs many times in
 * between, the process can hang until another is elected, and kafkajs retries what failed.
 */
export function guardedSockets(mayWrite: () => boolean): ISocketFactory {
  const open: ISocketFactory = require('kafkajs/src/network/socketFactory')()
  return (options) => {
    const socket = open(options)
    const write = socket.write.bind(socket)
    const guarded = (chunk: Buffer, encoding: BufferEncoding): boolean => {
      if (!isProduce(chunk) || mayWrite()) return write(chunk, encoding)
      socket.destroy(new Error('this process may not write any more'))
      return false
    }
    return Object.assign(socket, { write: guarded })
  }
}

const isProduce = (chunk: Buffer): boolean =>
  Buffer.isBuffer(chunk) && chunk.length >= apiAt + 2 && chunk.readInt16BE(apiAt) === produce

/** A request begins with its length (4 bytes) and the number of its API. */
const apiAt = 4
/** The API number of a request that writes into the log. */
const produce = 0

/**
 * A consumer and its cluster, which kafkajs passes only to the functions that make its assigners.
 * Fetches by the cluster need no group, and report an offset out of range.
 */
export function consumerWithCluster(
  kafka: Kafka,
  assigner: PartitionAssigner,
  config: Omit<ConsumerConfig, 'partitionAssigners'>,
): { consumer: Consumer; cluster: Cluster } {
  const clusters: Cluster[] = []
  const capture: PartitionAssigner = (context) => {
    clusters.push(context.cluster)
    return assigner(context)
  }
  const consumer = kafka.consumer({
    ...config,
    allowAutoTopicCreation: false,
    partitionAssigners: [capture],
  })
  const [cluster] = clusters
  if (cluster === undefined) throw new Error('kafkajs made a consumer without its assigners')
  return { consumer, cluster }
}

/**
 * kafkajs joins again as soon as it learns of a rebalance, and has no hook before. Every join, and
 * nothing else of a consumer, first looks for the coordinator. So the hook runs there and waits
 * for work in flight, so that the next owner finds it stored.
 */
export function beforeEachJoin(cluster: Cluster, hook: () => Promise<void>): void {
  const findGroupCoordinator = cluster.findGroupCoordinator.bind(cluster)
  cluster.findGroupCoordinator = async (group) => {
    await hook()
    return findGroupCoordinator(group)
  }
}

export type FetchRequest = Parameters<Broker['fetch']>[0]

/** How kafkajs keeps the requests that a broker supports; not in its types. */
type Protocols = Readonly<{ lookupRequest: (...asked: unknown[]) => MakeRequest }>
type MakeRequest = (options: unknown) => Exchange
type Exchange = Readonly<{
  request: Readonly<{ apiVersion: number }>
  response: Readonly<{ decode: (bytes: Buffer) => Promise<unknown> }>
}>

/** Fetches with the connection and the errors of kafkajs, but decodes the answer by `decode`. */
export function fetchDecodedBy<T>(
  decode: (bytes: Buffer, version: number) => Promise<T>,
  broker: Broker,
  request: FetchRequest,
): Promise<T> {
  const { lookupRequest } = broker as unknown as Protocols
  const decodedHere =
    (make: MakeRequest): MakeRequest =>
    (options) => {
      const exchange = make(options)
      const { apiVersion } = exchange.request
      const response = {
        ...exchange.response,
        decode: (bytes: Buffer) => decode(bytes, apiVersion),
      }
      return { ...exchange, response }
    }
  const decoding = Object.create(broker, {
    lookupRequest: { value: (...asked: unknown[]) => decodedHere(lookupRequest(...asked)) },
  })
  return decoding.fetch(request)
}
