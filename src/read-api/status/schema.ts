import { projectorStates } from '../../read-model-store/status.ts'
import { count, isoTime, list, nullable, object, oneOf, type Schema, text } from '../http/schema.ts'

const number = (description: string): Schema => ({ type: 'number', minimum: 0, description })

const error = { code: text('Stable code'), message: text('What happened') }

const partition = object({
  partition: count('Number of the partition'),
  next: count('Checkpoint: the next offset to apply'),
  applied: count('Events applied'),
  head: nullable(count('The next offset to be written, as of status_at')),
  lag: nullable(count('head less next')),
})

const skip = object({
  partition: count('Number of the partition'),
  offset: count('Offset of the event'),
  why: text('What the operator said'),
  at: isoTime('When'),
})

const generation = object({
  id: text('Never used twice'),
  version: count('Version of the projection that builds it'),
  created_at: isoTime('When it was begun'),
  role: oneOf(
    ['active', 'former', 'building', 'superseded'],
    'The active one is served; the next replay removes a superseded one',
  ),
})

const replay = object(
  {
    generation: text('What it builds'),
    version: count('Version of the projection that builds it'),
    state: oneOf(['building', 'promoted', 'interrupted', 'failed'], 'How far it got'),
    events_done: count('Events applied'),
    events_total: count('Events to apply'),
    events_per_second: number('Rate'),
    remaining_ms: nullable(number('Estimate of the time left')),
    started_at: isoTime('When it began'),
    status_at: isoTime('When its process said so'),
    is_stale: { type: 'boolean', description: 'Whether that is longer ago than it should be' },
    error: nullable(object(error)),
  },
  'The latest replay; null where there was none',
)

const verification = object(
  {
    generation: nullable(text('What was verified; null where the model was not built')),
    result: oneOf(['equal', 'different', 'could not check'], 'How it ended'),
    detail: nullable(text('The first difference, or why it could not be checked')),
    rows_compared: count('Rows compared'),
    events_skipped: count('Events left out since an operator said so'),
    started_at: isoTime('When it began'),
    finished_at: isoTime('When it ended'),
  },
  'The latest verification; null where there was none',
)

const states: readonly string[] = ['not built', ...projectorStates, 'frozen']

export const readModelSchema = object({
  name: text('Name of the read model'),
  version: nullable(count('Version of the projection that built what is served')),
  generation: nullable(text('The generation that is served')),
  promoted_at: nullable(isoTime('Since when it is served')),
  state: oneOf(
    states,
    'stalled: behind the log, and nothing is stored; frozen: no process has said lately that it updates it',
  ),
  since: nullable(isoTime('Since when it is in this state')),
  error: nullable(object({ ...error, at: nullable(isoTime('When')) })),
  last_update_at: nullable(isoTime('When a batch was last stored')),
  status_at: nullable(isoTime('When a process last reported; heads and lag are as of then')),
  events_applied: count('Over all partitions'),
  lag: nullable(count('Events behind, over all partitions')),
  checkpoint: list(partition),
  skips: list(skip, 'Events that it leaves out since an operator said so, oldest first'),
  generations: list(generation, 'Oldest first'),
  replay: nullable(replay),
  verification: nullable(verification),
})
