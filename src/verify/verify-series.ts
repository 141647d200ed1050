import { decodeKey, encodeKey, type Key } from '../read-model-store/key.ts'
import type { Checkpoint, Generation, Row } from '../read-model-store/read-model-store.ts'
import { type Block, blockOf, createBlockHashes, offsetsOf, type Position } from './block-hashes.ts'
import { type Difference, sameRow } from './difference.ts'
import type { NaiveSeries } from './folds/naive-fold.ts'
import { eachEvent, type LogReader } from './log-reader.ts'
import type { Comparison } from './verify-state.ts'

/** If everything differs, a few blocks are enough. */
const differingBlocksMax = 10

/**
 * Compares a series model with the log block by block: each block of offsets has a hash that is
 * independent of order, so both sides are read once, each in its own order. Then it compares row by
 * row the blocks that differ and those with rows above the checkpoint, which was read first.
 */
export async function verifySeries(
  fold: NaiveSeries,
  generation: Generation,
  reader: LogReader,
): Promise<Comparison> {
  const checkpoint = await generation.checkpoint()
  const stored = createBlockHashes()
  const doubtful = new Set<Block>()
  let rowsCompared = 0
  for await (const rows of generation.scan({ signal: reader.signal })) {
    rowsCompared += rows.length
    for (const { key, value } of rows) {
      const position = positionOf(key)
      if (isBelow(checkpoint, position)) stored.add(position, key, value)
      else doubtful.add(blockOf(position))
    }
  }
  const expected = createBlockHashes()
  for (const [partition, { next }] of checkpoint) {
    await eachEvent(reader, { partition, from: 0, to: next }, fold.events, (recorded) => {
      expected.add(recorded, encodeKey(fold.key(recorded)), fold.row(recorded))
    })
  }
  for (const block of stored.differing(expected).slice(0, differingBlocksMax)) doubtful.add(block)
  return {
    rowsCompared,
    differences:
      doubtful.size === 0
        ? []
        : await compareBlocks(fold, generation, reader, checkpoint, doubtful),
  }
}

async function compareBlocks(
  fold: NaiveSeries,
  generation: Generation,
  reader: LogReader,
  checkpoint: Checkpoint,
  blocks: ReadonlySet<Block>,
): Promise<readonly Difference[]> {
  const stored = new Map<Key, Row>()
  for await (const rows of generation.scan({ signal: reader.signal })) {
    for (const { key, value } of rows) {
      if (blocks.has(blockOf(positionOf(key)))) stored.set(key, value)
    }
  }
  const differences: Difference[] = []
  for (const block of blocks) {
    const range = await withinLog(reader, offsetsOf(block))
    if (range === undefined) continue
    await eachEvent(reader, range, fold.events, (recorded) => {
      const key = encodeKey(fold.key(recorded))
      const expected = fold.row(recorded)
      const actual = stored.get(key) ?? null
      stored.delete(key)
      if (actual === null ? isBelow(checkpoint, recorded) : !sameRow(expected, actual)) {
        differences.push({ key, expected, actual })
      }
    })
  }
  for (const [key, actual] of stored) differences.push({ key, expected: null, actual })
  return differences
}

/** Undefined if the log has no events in the range. */
async function withinLog({ eventStore }: LogReader, range: ReturnType<typeof offsetsOf>) {
  const bounds = (await eventStore.heads()).find(({ partition }) => partition === range.partition)
  const to = Math.min(range.to, bounds?.head ?? 0)
  return range.from < to ? { ...range, to } : undefined
}

/** The key of a series row ends in partition and offset; a row with another key has no event. */
function positionOf(key: Key): Position {
  const [partition, offset] = decodeKey(key).slice(-2)
  return { partition: Number(partition), offset: Number(offset) }
}

const isBelow = (checkpoint: Checkpoint, { partition, offset }: Position): boolean =>
  offset < (checkpoint.get(partition)?.next ?? 0)
