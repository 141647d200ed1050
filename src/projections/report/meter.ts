import { TradelogError } from '../../domain/errors.ts'
import type { Batch } from '../../event-store/event-store.ts'
import type { Commit, Generation } from '../../read-model-store/read-model-store.ts'
import { onRowsWritten } from '../../read-model-store/rows-written.ts'
import { type ProjectorStatus, projectorStates } from '../../read-model-store/status.ts'
import type { ProjectionMetrics, Stage } from './metrics.ts'

/** Measures one model's projector: once a batch, never once an event. */
export type Meter = Readonly<{
  /** The same generation, but its reads and commits are measured. */
  measured: (generation: Generation) => Generation
  received: (batch: Batch) => void
  applying: (batch: Batch) => void
  applied: (batch: Batch) => void
  retrying: (error: unknown) => void
  /** `lagSeconds` by partition. */
  report: (status: ProjectorStatus, lagSeconds: ReadonlyMap<number, number>) => void
}>

export function createMeter(metrics: ProjectionMetrics, model: string): Meter {
  const spend = (partition: number, stage: Stage, ms: number) =>
    metrics.stageSeconds.inc({ model, partition, stage }, Math.max(0, ms) / 1_000)
  /** By partition: when its last stage ended. */
  const marks = new Map<number, number>()
  /** By partition: the store time and the events of the batch being applied, so far. */
  const applying = new Map<number, { storeMs: number; events: number }>()
  const sinceMark = (partition: number) => {
    const now = performance.now()
    const ms = now - (marks.get(partition) ?? now)
    marks.set(partition, now)
    return ms
  }
  const add = (partition: number, storeMs: number, events = 0) => {
    const batch = applying.get(partition)
    if (batch === undefined) return
    batch.storeMs += storeMs
    batch.events += events
  }

  return {
    measured: (generation) =>
      measuredGeneration(generation, {
        read: (ms) => {
          // Rows are read for states only, which apply one batch at a time.
          for (const partition of applying.keys()) {
            add(partition, ms)
            spend(partition, 'read', ms)
          }
        },
        committed: ({ partition }, { events, writeMs, checkpointMs }) => {
          add(partition, writeMs + checkpointMs, events)
          spend(partition, 'write', writeMs)
          spend(partition, 'checkpoint', checkpointMs)
          metrics.eventsApplied.inc({ model, partition }, events)
          metrics.batchEvents.observe({ model, partition }, events)
        },
      }),
    received: ({ partition }) => spend(partition, 'fetch', sinceMark(partition)),
    applying: ({ partition }) => {
      spend(partition, 'queue', sinceMark(partition))
      applying.set(partition, { storeMs: 0, events: 0 })
    },
    applied: ({ partition, events: [oldest] }) => {
      const { storeMs = 0, events = 0 } = applying.get(partition) ?? {}
      spend(partition, 'fold', sinceMark(partition) - storeMs)
      applying.delete(partition)
      if (oldest === undefined || events === 0) return
      const latencyMs = Math.max(0, Date.now() - oldest.recordedAt)
      metrics.visibleLatency.observe({ model }, latencyMs / 1_000)
    },
    retrying: (error) => {
      marks.clear()
      applying.clear()
      const code = error instanceof TradelogError ? error.code : 'INTERNAL_ERROR'
      metrics.retries.inc({ model, code })
    },
    report: reporter(metrics, model),
  }
}

type Watch = Readonly<{
  read: (ms: number) => void
  committed: (
    commit: Commit,
    spent: Readonly<{ events: number; writeMs: number; checkpointMs: number }>,
  ) => void
}>

function measuredGeneration(generation: Generation, watch: Watch): Generation {
  const appliedBefore = new Map<number, number>()
  return {
    ...generation,
    checkpoint: async () => {
      const checkpoint = await generation.checkpoint()
      // A restored database may be behind.
      appliedBefore.clear()
      for (const [partition, { applied }] of checkpoint) appliedBefore.set(partition, applied)
      return checkpoint
    },
    read: async (keys, signal) => {
      const begin = performance.now()
      const rows = await generation.read(keys, signal)
      watch.read(performance.now() - begin)
      return rows
    },
    commit: async (commit) => {
      const begin = performance.now()
      let written: number | undefined
      const stop = onRowsWritten(commit, () => {
        written = performance.now()
      })
      const result = await generation.commit(commit).finally(stop)
      if (result === 'moved') return result
      const end = performance.now()
      const { partition, applied } = commit
      const events = Math.max(0, applied - (appliedBefore.get(partition) ?? 0))
      appliedBefore.set(partition, applied)
      const writeMs = (written ?? end) - begin
      watch.committed(commit, { events, writeMs, checkpointMs: end - begin - writeMs })
      return result
    },
  }
}

/** Removes the values of partitions that this process no longer holds. */
function reporter({ lagEvents, lagSeconds, state }: ProjectionMetrics, model: string) {
  let shown: readonly number[] = []
  return (status: ProjectorStatus, seconds: ReadonlyMap<number, number>): void => {
    const held = status.partitions.map(({ partition }) => partition)
    for (const partition of shown.filter((each) => !held.includes(each))) {
      lagEvents.remove({ model, partition })
      lagSeconds.remove({ model, partition })
    }
    shown = held
    for (const { partition, head, next } of status.partitions) {
      lagEvents.set({ model, partition }, head - next)
      lagSeconds.set({ model, partition }, seconds.get(partition) ?? 0)
    }
    for (const each of projectorStates) {
      state.set({ model, state: each }, each === status.state ? 1 : 0)
    }
  }
}
