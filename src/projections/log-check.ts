import { TradelogError } from '../domain/errors.ts'
import type { PartitionBounds } from '../event-store/event-store.ts'
import type { PartitionCheckpoint } from '../read-model-store/read-model-store.ts'

/**
 * A checkpoint belongs to one log. Throws an error that says what to do if the checkpoint doesn't
 * fit this log: to jump ahead would lose events, to start over would count them twice.
 */
export function checkLog(
  model: string,
  checkpoint: PartitionCheckpoint | undefined,
  bounds: PartitionBounds,
): void {
  const next = checkpoint?.next ?? 0
  const { partition, start, head, origin } = bounds
  const fields = { model, partition, next, start, head }
  const label = `${model}, partition ${partition}`
  if (next < start) {
    throw new TradelogError(
      'LOG_TRUNCATED',
      `${label}: the log begins at offset ${start}, events from ${next} on are needed; ` +
        'restore the log from a backup and keep its retention unlimited',
      { fields },
    )
  }
  if (checkpoint !== undefined && origin !== null && origin !== checkpoint.origin) {
    throw new TradelogError(
      'LOG_REPLACED',
      `${label}: the read model was built from another log (${checkpoint.origin}, now ${origin}); ` +
        `restore that log, or run: npm run replay -- --model ${model}`,
      { fields },
    )
  }
  if (next > head) {
    throw new TradelogError(
      'CHECKPOINT_BEYOND_HEAD',
      `${label}: the log ends at offset ${head}, the read model has applied up to ${next}; ` +
        `restore the log, or run: npm run replay -- --model ${model}`,
      { fields },
    )
  }
}
