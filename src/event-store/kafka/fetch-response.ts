import type { Broker } from 'kafkajs'
import { type FetchRequest, fetchDecodedBy } from './kafkajs-patches.ts'
import { decodeBatches, type RecordBatch } from './record-batch.ts'

export type AbortedTransaction = Readonly<{ producerId: bigint; first: number }>

export type FetchedPartition = Readonly<{
  partition: number
  errorCode: number
  abortedTransactions: readonly AbortedTransaction[]
  batches: readonly RecordBatch[]
}>

export type FetchResponse = Readonly<{
  /** For so long the broker itself has waited already. */
  throttleTime: number
  clientSideThrottleTime: number | undefined
  responses: readonly Readonly<{ topicName: string; partitions: readonly FetchedPartition[] }>[]
}>

/** Fetches with kafkajs, but decodes the answer here. */
export const requestFetch = (broker: Broker, request: FetchRequest): Promise<FetchResponse> =>
  fetchDecodedBy(decodeFetch, broker, request)

/** The version that brought each field. Below 4 are only brokers without transactions. */
const since = { logStart: 5, session: 7, clientSideThrottle: 8, preferredReplica: 11 } as const

async function decodeFetch(bytes: Buffer, version: number): Promise<FetchResponse> {
  const reader = readerOf(bytes)
  const throttleMs = reader.int32()
  if (version >= since.session) reader.skip(int16Bytes + int32Bytes)
  const responses = await reader.list(async () => {
    const topicName = reader.text()
    return { topicName, partitions: await reader.list(() => decodePartition(reader, version)) }
  })
  return version >= since.clientSideThrottle
    ? { throttleTime: 0, clientSideThrottleTime: throttleMs, responses }
    : { throttleTime: throttleMs, clientSideThrottleTime: undefined, responses }
}

async function decodePartition(reader: Reader, version: number): Promise<FetchedPartition> {
  const partition = reader.int32()
  const errorCode = reader.int16()
  // The high watermark, the last stable offset and, from that version on, the start of the log.
  reader.skip((version >= since.logStart ? 3 : 2) * int64Bytes)
  const abortedTransactions = await reader.list(async () => ({
    producerId: reader.int64(),
    first: Number(reader.int64()),
  }))
  if (version >= since.preferredReplica) reader.skip(int32Bytes)
  return { partition, errorCode, abortedTransactions, batches: await decodeBatches(reader.bytes()) }
}

const int16Bytes = 2
const int32Bytes = 4
const int64Bytes = 8

type Reader = ReturnType<typeof readerOf>

function readerOf(buffer: Buffer) {
  let at = 0
  const advanced = (bytes: number) => {
    at += bytes
    return at - bytes
  }
  const int16 = () => buffer.readInt16BE(advanced(int16Bytes))
  const int32 = () => buffer.readInt32BE(advanced(int32Bytes))
  const bytes = (length: number) => {
    const begin = advanced(Math.max(length, 0))
    return buffer.subarray(begin, at)
  }
  return {
    int16,
    int32,
    int64: () => buffer.readBigInt64BE(advanced(int64Bytes)),
    text: () => bytes(int16()).toString('utf8'),
    bytes: () => bytes(int32()),
    /** A length of -1 means that the list is absent: read as empty. */
    list: async <T>(item: () => Promise<T>): Promise<readonly T[]> => {
      const items: T[] = []
      for (let left = int32(); left > 0; left--) items.push(await item())
      return items
    },
    skip: (count: number) => void advanced(count),
  }
}
