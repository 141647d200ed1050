import type { Metrics } from '../../runtime/metrics.ts'

/** Where the time of a batch goes, in its order. */
export type Stage = 'fetch' | 'queue' | 'read' | 'fold' | 'write' | 'checkpoint'

/** Every metric of the project role. `docs/operations.md` says what they mean to an operator. */
export const declareProjectionMetrics = ({ counter, gauge, histogram }: Metrics) => ({
  eventsApplied: counter({
    name: 'tradelog_projection_events_applied_total',
    help: 'Events whose rows this process has committed.',
    labelNames: ['model', 'partition'],
  }),
  batchEvents: histogram({
    name: 'tradelog_projection_batch_events',
    help: 'Events in a committed batch.',
    labelNames: ['model', 'partition'],
    buckets: [1, 10, 100, 500, 1_000, 5_000],
  }),
  stageSeconds: counter({
    name: 'tradelog_projection_stage_seconds_total',
    help:
      'Time of batches by stage: fetch (from an acknowledgement to the next batch, idle time ' +
      'included), queue (behind other partitions), read (rows), fold, write (rows; in the ' +
      'embedded store with the checkpoint, in one transaction), checkpoint.',
    labelNames: ['model', 'partition', 'stage'],
  }),
  visibleLatency: histogram({
    name: 'tradelog_projection_visible_latency_seconds',
    help:
      'From the record time of the oldest event of a batch (when ingest appended it) to the ' +
      'commit of its rows, from which on the API reads them.',
    labelNames: ['model'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  }),
  lagEvents: gauge({
    name: 'tradelog_projection_lag_events',
    help: 'Offsets between the checkpoint and the head, of the partitions this process holds.',
    labelNames: ['model', 'partition'],
  }),
  lagSeconds: gauge({
    name: 'tradelog_projection_lag_seconds',
    help: 'Age of the oldest event that is not applied yet, by its record time; 0 if all are.',
    labelNames: ['model', 'partition'],
  }),
  retries: counter({
    name: 'tradelog_projection_retries_total',
    help: 'Restarts of a projector at its checkpoint, by error code.',
    labelNames: ['model', 'code'],
  }),
  state: gauge({
    name: 'tradelog_projection_state',
    help: '1 for the state a projector of this process is in, 0 for the others.',
    labelNames: ['model', 'state'],
  }),
  headsAt: gauge({
    name: 'tradelog_projection_heads_timestamp_seconds',
    help: 'When the heads that the lag is measured against were last read (Unix time).',
  }),
})

export type ProjectionMetrics = ReturnType<typeof declareProjectionMetrics>
