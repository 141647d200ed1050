import { hasCode, TradelogError } from '../domain/errors.ts'
import type { Position } from '../domain/recorded-event.ts'

/** An event's position in one particular log. */
export type LogPosition = Position & Readonly<{ origin: string }>

/** The event at which a model stops, and why. */
export type Stop = Readonly<{ offset: number; error: TradelogError }>

/** The projection's own code has thrown, not a store. */
export class FoldFailure extends Error {}

/** Runs a projection's code: what it throws becomes a `FoldFailure`. */
export function runFold<T>(fold: () => T): T {
  try {
    return fold()
  } catch (cause) {
    throw new FoldFailure('the fold threw an error', { cause })
  }
}

export const unreadable = (model: string, at: LogPosition, reason: string): Stop =>
  stopOf('EVENT_UNREADABLE', model, at, reason)

export function notApplicable(model: string, at: LogPosition, { cause }: FoldFailure): Stop {
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
  return stopOf('EVENT_NOT_APPLICABLE', model, at, reason, cause)
}

/** The model that an error says has stopped, and its position. Undefined for any other error. */
export function stoppedAt(error: unknown): (LogPosition & { model: string }) | undefined {
  if (!hasCode(error, 'EVENT_UNREADABLE') && !hasCode(error, 'EVENT_NOT_APPLICABLE')) {
    return undefined
  }
  const { model, partition, offset, origin } = error.fields
  return typeof model === 'string' && typeof offset === 'number'
    ? { model, partition: Number(partition), offset, origin: String(origin) }
    : undefined
}

function stopOf(
  code: 'EVENT_UNREADABLE' | 'EVENT_NOT_APPLICABLE',
  model: string,
  { partition, offset, origin }: LogPosition,
  reason: string,
  cause?: unknown,
): Stop {
  const message = `${model} stopped at partition ${partition}, offset ${offset}: ${reason}`
  const fields = { model, partition, offset, origin, reason }
  return { offset, error: new TradelogError(code, message, { cause, fields }) }
}
