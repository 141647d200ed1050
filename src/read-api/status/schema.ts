import { projectorStates } from '../../read-model-store/status.ts'
import {
  boolean,
  count,
  isoTime,
  list,
  nullable,
  object,
  oneOf,
  type Schema,
  text,
} from '../http/schema.ts'
import { feedStates, ingestStates } from './ingest.ts'

const number = (description: string): Schema => ({ type: 'number', minimum: 0, description })

const error = { code: text('Stable error code'), message: text('What happened') }

const partition = object({
  partition: count('Number of the partition'),
  next: count('Checkpoint: the next offset to apply'),
  applied: count('Number of events applied'),
  head: nullable(count('The next offset to be written, as of status_at')),
  lag: nullable(count('head minus next')),
})

const skip = object({
  partition: count('Number of the partition'),
  offset: count('Offset of the event'),
  why: text('The reason that the operator gave'),
  at: isoTime('When the operator skipped it'),
})

const generation = object({
  id: text('Name of the generation, never used twice'),
  version: count('Version of the projection that builds it'),
  created_at: isoTime('When its build began'),
  role: oneOf(
    ['active', 'former', 'building', 'superseded'],
    'active: served; former: kept for a rollback; superseded: removed by the next replay',
  ),
})

const replay = object(
  {
    generation: text('The generation that it builds'),
    version: count('Version of the projection that builds it'),
    state: oneOf(['building', 'promoted', 'interrupted', 'failed'], 'State of the replay'),
    events_done: count('Number of events applied'),
    events_total: count('Number of events to apply in total'),
    events_per_second: number('Events applied per second'),
    remaining_ms: nullable(number('Estimate of the time left')),
    started_at: isoTime('When it began'),
    status_at: isoTime('When its process last reported'),
    is_stale: boolean('Whether a newer report is overdue'),
    error: nullable(object(error)),
  },
  'The latest replay; null if the model had none',
)

const verification = object(
  {
    generation: nullable(text('The generation verified; null if the model was not built')),
    result: oneOf(['equal', 'different', 'could not check'], 'Result of the verification'),
    detail: nullable(text('The first difference, or why it could not be checked')),
    rows_compared: count('Number of rows compared'),
    events_skipped: count('Number of events skipped because an operator said so'),
    started_at: isoTime('When it began'),
    finished_at: isoTime('When it ended'),
  },
  'The latest verification; null if the model had none',
)

const states: readonly string[] = ['not built', ...projectorStates, 'frozen']

export const readModelSchema = object({
  name: text('Name of the read model'),
  version: nullable(count('Version of the projection that built what is served')),
  generation: nullable(text('The generation that is served')),
  promoted_at: nullable(isoTime('When that generation was promoted')),
  state: oneOf(
    states,
    'stalled: behind the log and storing nothing; frozen: no process has reported on it lately',
  ),
  since: nullable(isoTime('When it entered this state')),
  error: nullable(object({ ...error, at: nullable(isoTime('When it happened')) })),
  last_update_at: nullable(isoTime('When a batch was last stored')),
  status_at: nullable(isoTime('When a process last reported; heads and lag are as of then')),
  events_applied: count('Number of events applied, over all partitions'),
  lag: nullable(count('Events behind the log, over all partitions')),
  checkpoint: list(partition),
  skips: list(skip, 'Events that it skips because an operator said so, oldest first'),
  generations: list(generation, 'Oldest first'),
  replay: nullable(replay),
  verification: nullable(verification),
})

const interruption = object(
  {
    from: isoTime('No trade before it is missing'),
    until: nullable(isoTime('When the feed was received again; null while it goes on')),
    reason: text('Why the feed was not listened to'),
  },
  'The latest one; null if there was none',
)

export const feedSchema = object({
  source: text('Name of the feed, which its trades carry'),
  state: nullable(
    oneOf(
      feedStates,
      'played: every row of the file has come; null: no process listens to it, as far as is known',
    ),
  ),
  since: isoTime('When it entered this state; of null: when it was last reported on'),
  problem: nullable(text('What is wrong with it, and what to do; null if nothing is known')),
  heard_until: nullable(isoTime('All that it sent before is in the log; null if never heard')),
  last_trade_at: nullable(isoTime('When its latest trade came')),
  interruption: nullable(interruption),
  status_at: isoTime('When a process last reported on it'),
  is_stale: boolean('Whether a newer report is overdue'),
})

export const ingestSchema = object({
  state: oneOf(
    ingestStates,
    'standing by: no process is active; no feed: the settings name none; not reported: no ' +
      'process has reported for 10 s',
  ),
  since: nullable(isoTime('When it entered this state; null if no process has reported')),
  problems: list(
    object({
      part: text('The part that does not work: `feed`, `feed NAME`, `event store`, `ingest`'),
      message: text('What is wrong'),
      since: isoTime('Since when'),
    }),
    'What keeps ingest from filling the log, as in the reasons of /readyz',
  ),
  status_at: nullable(isoTime('When a process last reported; null if none has')),
})
