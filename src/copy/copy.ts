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

/** What is copied: a log, or a file of one. It ends where it ended when it was opened. */
export type CopySource = Readonly<{
  partitions: number
  /** How many records there are, where that is known. */
  total: number | null
  /** Every record from the beginning, those of a partition in order; can be asked for again. */
  records: () => AsyncIterable<readonly RawRecord[]>
}>

/** What is copied into. */
export type CopyTarget = Readonly<{
  partitions: number
  /** False where nothing can be read back, and nothing was there before. */
  isReadable: boolean
  /** What has not been read yet: at first what is there already. */
  unread: () => AsyncIterable<readonly RawRecord[]>
  append: (records: readonly RawRecord[]) => Promise<void>
  /** Resolves when all that was appended is kept, and can be read. */
  flush: () => Promise<void>
}>

/** What the target holds is read first, compared with the source, and read again at the end. */
export type CopyStep = 'reading the target' | 'comparing' | 'copying'

type CopyOptions = Readonly<{
  source: CopySource
  target: CopyTarget
  signal: AbortSignal
  /** Told after every batch what is being done, and how many records have been through it. */
  onProgress?: (step: CopyStep, records: number) => void
}>

export type CopyResult = Readonly<{
  /** Records copied now, and all that the target holds. */
  copied: number
  records: number
  keys: number
  /** Of every record of both sides, whatever their partitions. */
  digest: string
}>

/**
 * Copies every record once, those of a symbol in their order; where both sides have as many
 * partitions, those of a partition. What the target holds has to be the beginning of it, and is not
 * copied again: so a copy that was killed, or whose source has grown, is simply run again. Rejects
 * with `COPY_TARGET_DIFFERS` where the target holds anything else, before it writes.
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

/** Each lane of the target has to be the beginning of the source's, to the last byte. */
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
  const isHeld = passOver(held, laneOf)
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

/** Tells, of each record in turn, whether the target had it from the start. */
function passOver(held: Digests, laneOf: LaneOf) {
  const left = new Map(held.names().map((lane) => [lane, held.count(lane)]))
  return (record: RawRecord): boolean => {
    const lane = laneOf(record)
    const count = left.get(lane) ?? 0
    if (count > 0) left.set(lane, count - 1)
    return count > 0
  }
}

/** Where a record goes: with as many partitions as before it stays where it is. */
function placed(record: RawRecord, source: CopySource, target: CopyTarget): RawRecord {
  if (source.partitions === target.partitions) return record
  const { partition, offset, key } = record
  if (key !== null && isAtHome(record, source.partitions)) {
    return { ...record, partition: partitionOf(key, target.partitions) }
  }
  throw new TradelogError(
    'COPY_REFUSED',
    `the record at partition ${partition}, offset ${offset} isn't where a symbol of its own belongs, ` +
      `which would say where it goes among ${target.partitions}; copy into ${source.partitions} partitions`,
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
