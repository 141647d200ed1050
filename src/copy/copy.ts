import { TradelogError } from '../domain/errors.ts'
import { partitionOf } from '../domain/partition.ts'
import type { RawRecord } from '../domain/recorded-event.ts'
import {
  createDigests,
  type Digests,
  isAtHome,
  type LaneOf,
  partitionLane,
  symbolLane,
} from './digests.ts'

/** A log, or a file of one. It ends at the heads that it had when it was opened. */
export type CopySource = Readonly<{
  partitions: number
  /** How many records there are; null if that is unknown. */
  total: number | null
  /** Every record from the beginning, those of a partition in order; can be called again. */
  records: () => AsyncIterable<readonly RawRecord[]>
}>

export type CopyTarget = Readonly<{
  partitions: number
  /** False if it can't be read back; such a target was empty before. */
  isReadable: boolean
  /** The records not read yet; in the first call, all that the target holds. */
  unread: () => AsyncIterable<readonly RawRecord[]>
  append: (records: readonly RawRecord[]) => Promise<void>
  /** Resolves when all appended records are durable and can be read. */
  flush: () => Promise<void>
}>

/** The target is read first, compared with the source, and read again at the end. */
export type CopyStep = 'reading the target' | 'comparing' | 'copying'

type CopyOptions = Readonly<{
  source: CopySource
  target: CopyTarget
  signal: AbortSignal
  /** Called after every batch, with the current step and the records it has handled so far. */
  onProgress?: (step: CopyStep, records: number) => void
}>

export type CopyResult = Readonly<{
  /** Records copied now, and all that the target holds. */
  copied: number
  records: number
  keys: number
  /** Of all records, equal on both sides; doesn't depend on their partitions. */
  digest: string
}>

/**
 * Copies every record once and keeps the order within a symbol, or within a partition if both
 * sides have the same number of them. The target must hold a beginning of the source, which is not
 * copied again: a copy that was killed, or whose source has grown, is simply run again. Rejects
 * with `COPY_TARGET_DIFFERS` before it writes if the target holds anything else.
 */
export async function copy(options: CopyOptions): Promise<CopyResult> {
  const { source, target } = options
  const hasSamePartitions = source.partitions === target.partitions
  const laneOf = hasSamePartitions ? partitionLane : symbolLane(source.partitions)
  const inTarget = createDigests(symbolLane(target.partitions))
  const held = hasSamePartitions ? createDigests(partitionLane) : inTarget
  await readInto(options, new Set([held, inTarget]))
  if (held.records() > 0) await checkBeginning(options, held, laneOf)
  const inSource = createDigests(symbolLane(source.partitions))
  const copied = await copyRest(options, held, laneOf, inSource)
  await target.flush()
  if (target.isReadable) {
    await readInto(options, new Set([inTarget]))
    if (inTarget.total() !== inSource.total()) throw changedMeanwhile(inSource, inTarget)
  }
  return { copied, records: inSource.records(), keys: inSource.lanes(), digest: inSource.total() }
}

async function readInto(
  { target, signal, onProgress }: CopyOptions,
  digests: ReadonlySet<Digests>,
): Promise<void> {
  for await (const records of target.unread()) {
    signal.throwIfAborted()
    for (const digest of digests) {
      for (const record of records) digest.add(record)
      onProgress?.('reading the target', digest.records())
    }
  }
}

/** Throws unless each lane of the target is, byte for byte, a beginning of the source's lane. */
async function checkBeginning(
  { source, signal, onProgress }: CopyOptions,
  held: Digests,
  laneOf: LaneOf,
): Promise<void> {
  const seen = createDigests(laneOf)
  let open = held.lanes()
  for await (const records of source.records()) {
    signal.throwIfAborted()
    for (const record of records) {
      const lane = laneOf(record)
      if (seen.count(lane) >= held.count(lane)) continue
      seen.add(record)
      if (seen.count(lane) < held.count(lane)) continue
      if (seen.of(lane) !== held.of(lane)) throw holdsOther(lane, held.count(lane))
      open -= 1
    }
    if (open === 0) return
    onProgress?.('comparing', seen.records())
  }
  throw new TradelogError(
    'COPY_TARGET_DIFFERS',
    `the target holds ${held.records()} records that are not the beginning of the source; ` +
      'name an empty target',
  )
}

async function copyRest(
  { source, target, signal, onProgress }: CopyOptions,
  held: Digests,
  laneOf: LaneOf,
  inSource: Digests,
): Promise<number> {
  const isHeld = heldBefore(held, laneOf)
  let copied = 0
  for await (const records of source.records()) {
    signal.throwIfAborted()
    for (const record of records) inSource.add(record)
    const fresh = records.filter((record) => !isHeld(record))
    await target.append(fresh.map((record) => placed(record, source, target)))
    copied += fresh.length
    onProgress?.('copying', inSource.records())
  }
  return copied
}

/** Returns whether the target had a record before; must be called for each record in order. */
function heldBefore(held: Digests, laneOf: LaneOf) {
  const left = new Map(held.names().map((lane) => [lane, held.count(lane)]))
  return (record: RawRecord): boolean => {
    const lane = laneOf(record)
    const count = left.get(lane) ?? 0
    if (count > 0) left.set(lane, count - 1)
    return count > 0
  }
}

/** The record in its partition of the target, which is the same if both have as many. */
function placed(record: RawRecord, source: CopySource, target: CopyTarget): RawRecord {
  if (source.partitions === target.partitions) return record
  const { partition, offset, key } = record
  if (key !== null && isAtHome(record, source.partitions)) {
    return { ...record, partition: partitionOf(key, target.partitions) }
  }
  throw new TradelogError(
    'COPY_REFUSED',
    `the record at partition ${partition}, offset ${offset} isn't in the partition of its key, ` +
      `so it has none among ${target.partitions}; copy into a log of ${source.partitions}`,
    { fields: { partition, offset } },
  )
}

const holdsOther = (lane: string, count: number) =>
  new TradelogError(
    'COPY_TARGET_DIFFERS',
    `the target holds something else: its ${count} records of ${lane} are not the first ${count} ` +
      'of the source; name an empty target',
  )

const changedMeanwhile = (inSource: Digests, inTarget: Digests) =>
  new TradelogError(
    'COPY_TARGET_DIFFERS',
    `the target holds ${inTarget.records()} records (${inTarget.total()}), the source ` +
      `${inSource.records()} (${inSource.total()}): something else has written into the target, ` +
      'or it stamps records with a time of its own (message.timestamp.type); copy into an empty one',
  )
