import { hasCode, TradelogError } from '../domain/errors.ts'
import type { Position } from '../domain/recorded-event.ts'

/** An event's place in one very log. */
export type LogPlace = Position & Readonly<{ origin: string }>

/** The event at which a model stops, and what is said there. */
export type Stop = Readonly<{ offset: number; error: TradelogError }>

/** The projection's own code has thrown: told apart from a store that fails. */
export class FoldFailure extends Error {}

export function folding<T>(fold: () => T): T {
  try {
    return fold()
  } catch (cause) {
    throw new FoldFailure('the fold has thrown', { cause })
  }
}

export const unreadable = (model: string, at: LogPlace, reason: string): Stop =>
  stopOf('EVENT_UNREADABLE', model, at, reason)

export function notApplicable(model: string, at: LogPlace, { cause }: FoldFailure): Stop {
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
  return stopOf('EVENT_NOT_APPLICABLE', model, at, reason, cause)
}

/** Which model an error says has stopped, and where; undefined where it is another error. */
export function stoppedAt(error: unknown): (LogPlace & { model: string }) | undefined {
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
  { partition, offset, origin }: LogPlace,
  reason: string,
  cause?: unknown,
): Stop {
  const message = `${model} stopped at partition ${partition}, offset ${offset}: ${reason}`
  const fields = { model, partition, offset, origin, reason }
  return { offset, error: new TradelogError(code, message, { cause, fields }) }
}
