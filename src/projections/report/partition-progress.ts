import type { UnixMs } from '../../domain/time.ts'
import type { Batch, PartitionBounds } from '../../event-store/event-store.ts'
import type { Checkpoint } from '../../read-model-store/read-model-store.ts'
import type { PartitionStatus } from '../../read-model-store/status.ts'

export type Received = Pick<Batch, 'partition' | 'to' | 'events'>

/** Where the partitions of one projector stand, and since when. */
export function createProgress() {
  let partitions: readonly number[] = []
  let checkpoint: Checkpoint = new Map()
  /** Under a steady flow there is always something new: behind is who lacks what was there before. */
  let headsBefore: ReadonlyMap<number, number> = new Map()
  /** Only between its arrival and its commit: batches that are kept longer cost memory. */
  const waiting = new Map<number, Received>()
  const seen = new Map<number, Readonly<{ next: number; at: UnixMs }>>()
  const nextOf = (partition: number) => checkpoint.get(partition)?.next ?? 0

  return {
    assign: (bounds: readonly PartitionBounds[], from: Checkpoint) => {
      partitions = bounds.map(({ partition }) => partition)
      checkpoint = from
      headsBefore = new Map(bounds.map(({ partition, head }) => [partition, head]))
      waiting.clear()
    },
    received: (batch: Received) => void waiting.set(batch.partition, batch),
    committed: (to: Checkpoint) => {
      checkpoint = to
      for (const batch of waiting.values()) {
        if (batch.to <= nextOf(batch.partition)) waiting.delete(batch.partition)
      }
    },
    /** Since when a partition that is behind has stood still: the one that has the longest. */
    look: (now: UnixMs): UnixMs | undefined => {
      const behind = partitions.filter((each) => nextOf(each) < (headsBefore.get(each) ?? 0))
      for (const partition of seen.keys()) if (!behind.includes(partition)) seen.delete(partition)
      for (const partition of behind) {
        const next = nextOf(partition)
        if (seen.get(partition)?.next !== next) seen.set(partition, { next, at: now })
      }
      return behind.length === 0 ? undefined : Math.min(...Array.from(seen.values(), (s) => s.at))
    },
    against: (heads: ReadonlyMap<number, number>): readonly PartitionStatus[] => {
      headsBefore = heads
      return partitions.map((partition) => {
        const next = nextOf(partition)
        const head = Math.max(heads.get(partition) ?? next, next)
        return { partition, next, head, applied: checkpoint.get(partition)?.applied ?? 0 }
      })
    },
    /** When the oldest event was recorded that was received and isn't applied yet, if there is one. */
    waitingSince: (partition: number) =>
      waiting.get(partition)?.events.find(({ offset }) => offset >= nextOf(partition))?.recordedAt,
  }
}
