import { TradelogError } from '../domain/errors.ts'
import type { PartitionBounds } from '../event-store/event-store.ts'
import type { Checkpoint } from '../read-model-store/read-model-store.ts'
import type { Projection } from './projection.ts'
import type { ProjectorState, ProjectorStatus } from './status.ts'

/** Keeps what is known of one projector in this process, for the status row. */
export type Tracker = Readonly<{
  follows: (generation: string) => void
  assigned: (partitions: readonly PartitionBounds[], checkpoint: Checkpoint) => void
  committed: (checkpoint: Checkpoint) => void
  retrying: (error: unknown) => void
  stopped: (error: unknown) => void
  /** One line where the projector is stopped or in trouble; nothing where all is well. */
  trouble: () => readonly string[]
  /** `heads` by partition: the lag is counted against them, the state against those of the call before. */
  status: (heads: ReadonlyMap<number, number>) => ProjectorStatus
}>

export const createTracker = (projection: Projection): Tracker => {
  let generation = ''
  let state: ProjectorState = 'standing by'
  let since = Date.now()
  let partitions: readonly number[] = []
  let checkpoint: Checkpoint = new Map()
  let lastCommitAt: number | null = null
  let error: ProjectorStatus['error'] = null
  /** Under a steady flow there is always something new: caught up is who has what was there before. */
  let headsBefore: ReadonlyMap<number, number> = new Map()

  const enter = (next: ProjectorState, cause: unknown = undefined) => {
    if (next !== state) since = Date.now()
    state = next
    if (cause !== undefined) error = described(cause)
    else if (next === 'caught up' || next === 'catching up') error = null
  }

  return {
    follows: (id) => {
      generation = id
      partitions = []
      enter('standing by')
    },
    assigned: (bounds, from) => {
      partitions = bounds.map(({ partition }) => partition)
      checkpoint = from
      headsBefore = new Map(bounds.map(({ partition, head }) => [partition, head]))
      enter('catching up')
    },
    committed: (to) => {
      checkpoint = to
      lastCommitAt = Date.now()
      if (state !== 'caught up') enter('catching up')
    },
    retrying: (cause) => enter('retrying', cause),
    stopped: (cause) => enter('stopped', cause),
    trouble: () =>
      state === 'stopped' || state === 'retrying'
        ? [`${projection.name}: ${state}: ${error?.code ?? ''} ${error?.message ?? ''}`]
        : [],
    status: (heads) => {
      const held = partitions.map((partition) => {
        const at = checkpoint.get(partition)
        const next = at?.next ?? 0
        const head = Math.max(heads.get(partition) ?? next, next)
        return { partition, next, head, applied: at?.applied ?? 0 }
      })
      if (state === 'catching up' || state === 'caught up') {
        const isBehind = held.some(
          ({ partition, next }) => next < (headsBefore.get(partition) ?? 0),
        )
        enter(isBehind ? 'catching up' : 'caught up')
      }
      headsBefore = heads
      const { name: model, version } = projection
      return { model, version, generation, state, since, partitions: held, lastCommitAt, error }
    },
  }
}

const described = (cause: unknown) => ({
  code: cause instanceof TradelogError ? cause.code : 'INTERNAL_ERROR',
  message: cause instanceof Error ? cause.message : String(cause),
  at: Date.now(),
})
