import { createHash } from 'node:crypto'
import type { Key } from '../read-model-store/key.ts'
import type { Row } from '../read-model-store/read-model-store.ts'

export type Position = Readonly<{ partition: number; offset: number }>

/** Names a block of offsets of one partition. */
export type Block = `${number}:${number}`

const blockOffsets = 10_000

export const blockOf = ({ partition, offset }: Position): Block =>
  `${partition}:${Math.floor(offset / blockOffsets)}`

export function offsetsOf(block: Block) {
  const [partition = 0, index = 0] = block.split(':').map(Number)
  return { partition, from: index * blockOffsets, to: (index + 1) * blockOffsets }
}

/** A hash of the rows of each block that doesn't depend on their order: the sum of their hashes. */
type BlockHashes = Readonly<{
  add: (position: Position, key: Key, row: Row) => void
  /** The blocks whose rows differ. */
  differing: (other: BlockHashes) => readonly Block[]
  of: (block: Block) => string
  blocks: () => Iterable<Block>
}>

type Sum = { rows: number; high: number; low: number }

export function createBlockHashes(): BlockHashes {
  const sums = new Map<Block, Sum>()
  const hashes: BlockHashes = {
    add: (position, key, row) => {
      const block = blockOf(position)
      const sum = sums.get(block) ?? { rows: 0, high: 0, low: 0 }
      const digest = createHash('sha1').update(key).update(canonical(row)).digest()
      sum.rows += 1
      sum.high = (sum.high + digest.readUInt32BE(0)) >>> 0
      sum.low = (sum.low + digest.readUInt32BE(4)) >>> 0
      sums.set(block, sum)
    },
    differing: (other) =>
      [...new Set([...sums.keys(), ...other.blocks()])].filter(
        (block) => hashes.of(block) !== other.of(block),
      ),
    of: (block) => JSON.stringify(sums.get(block) ?? null),
    blocks: () => sums.keys(),
  }
  return hashes
}

/** The same text for rows that are the same, whatever the order of their fields. */
const canonical = (row: Row): string =>
  JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))
