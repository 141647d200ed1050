/**
 * Every point at which the fault tests kill a process: around each await on the way from a trade of
 * the feed to a served row, and inside the transactions on that way.
 */
export const crashPoints = [
  'append:trades-taken',
  'append:rows-passed-over',
  'append:prepared',
  'append:block-put',
  'append:heads-put',
  'append:producer-connected',
  'append:part-ready',
  'append:part-acknowledged',
  'append:parts-acknowledged',
  'append:durable',
  'append:counted',

  'fold:restarted',
  'fold:positioned',
  'fold:rows-missing',
  'fold:rows-read',
  'fold:folded',
  'fold:committed',
  'fold:applied',

  'rows:generation-there',
  'rows:series-ready',
  'rows:series-queued',
  'rows:series-inserted',
  'rows:series-written',
  'rows:states-put',
  'rows:states-ready',
  'rows:states-replaced',
  'rows:states-missing',
  'rows:states-inserted',
  'rows:written',

  'checkpoint:to-claim',
  'checkpoint:to-insert',
  'checkpoint:claimed',
  'checkpoint:put',
  'checkpoint:to-move',
  'checkpoint:moved',

  'kafka-commit:ready',
  'kafka-commit:committed',

  'generation:folder-made',
  'generation:registered',
  'generation:orphans-removed',
  'generation:to-make',
  'generation:collection-made',
  'generation:inserted',
  'generation:to-drop',
  'generation:entry-removed',
  'generation:closed',
  'generation:marked-dropped',
  'generation:collection-removed',
  'generation:checkpoint-removed',

  'first-generation:looked-up',
  'first-generation:created',
  'first-generation:promoted',

  'replay:lease-taken',
  'replay:sorted-out',
  'replay:obsolete-dropped',
  'replay:found',
  'replay:not-found',
  'replay:opened',
  'replay:log-checked',
  'replay:ready',
  'replay:started',
  'replay:heads-read',
  'replay:slice-read',
  'replay:slice-applied',
  'replay:caught-up',
  'replay:counted',
  'replay:promoted',
  'replay:handed-over',
  'replay:reported',
  'replay:lease-released',

  'promotion:caught-up',
  'promotion:looked-up',
  'promotion:compared',
  'promotion:held',
  'promotion:pointer-put',
  'promotion:to-update',
  'promotion:to-insert',
  'promotion:done',

  'hand-over:begun',
  'hand-over:not-taken-over',
  'hand-over:caught-up',

  'rollback:looked-up',
  'rollback:active-opened',
  'rollback:former-opened',
  'rollback:found',

  'skip:judged',
  'skip:to-insert',
  'skip:put',
  'skip:recorded',
  'skip:located',
  'skip:to-delete',
  'skip:taken-out',
  'skip:removed',
] as const

export type CrashPoint = (typeof crashPoints)[number]

let onPass: ((point: CrashPoint) => void) | undefined

/** Does nothing, unless a test has armed this process. */
export const crashPoint = (point: CrashPoint): void => onPass?.(point)

/** Calls back at every crash point that this process passes. */
export function armCrashPoints(callback: (point: CrashPoint) => void): void {
  onPass = callback
}
