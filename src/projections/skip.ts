import { defer, filter, NEVER, type Observable, repeat, retry, take, timer } from 'rxjs'
import { hasCode, TradelogError } from '../domain/errors.ts'
import type { LogRecord, Position } from '../domain/recorded-event.ts'
import type { EventStore, PartitionBounds } from '../event-store/event-store.ts'
import type { Generation, ReadModelStore, Skip } from '../read-model-store/read-model-store.ts'
import { backoffMs } from '../runtime/backoff.ts'
import type { Projection } from './projection.ts'
import { stoppedAt } from './stop.ts'
import { createWriter } from './writer.ts'

export type SkipTarget = Position & Readonly<{ projection: Projection }>

type Stores = Readonly<{ eventStore: EventStore; readModelStore: ReadModelStore }>

/**
 * Creates the skip of an event that a model can't apply. Rejects with `SKIP_REFUSED` if the event
 * isn't in the log. Refuses an event that this code can read, too, unless the model's checkpoint is
 * at it and its fold throws.
 */
export async function skipOf(
  stores: Stores,
  target: SkipTarget,
  { why, at }: Pick<Skip, 'why' | 'at'>,
): Promise<Skip> {
  const { projection, partition, offset } = target
  const { record, origin } = await recordAt(stores.eventStore, target)
  if (record.event.type !== 'Unreadable') {
    await refuseApplicable(stores.readModelStore, target, { record, origin })
  }
  return { model: projection.name, partition, offset, origin, why, at }
}

/** The origin that belongs to a skip of this event, whether or not the skip exists. */
export const originOf = async (
  eventStore: EventStore,
  target: SkipTarget,
): Promise<string | null> => (await boundsOf(eventStore, target)).origin

async function boundsOf(eventStore: EventStore, target: SkipTarget): Promise<PartitionBounds> {
  const bounds = (await eventStore.heads()).find(({ partition }) => partition === target.partition)
  if (bounds === undefined) throw refused(target, `the log has no partition ${target.partition}`)
  return bounds
}

type Found = Readonly<{ record: LogRecord; origin: string }>

async function recordAt(eventStore: EventStore, target: SkipTarget): Promise<Found> {
  const { partition, offset: from } = target
  const { start, head, origin } = await boundsOf(eventStore, target)
  const range = { partition, from, to: from + 1, batchEventsMax: 1 }
  if (from >= start && from < head && origin !== null) {
    for await (const { events } of eventStore.read(range)) {
      const record = events.find(({ offset }) => offset === from)
      if (record !== undefined) return { record, origin }
    }
  }
  throw refused(
    target,
    `partition ${partition} has no event at offset ${from}; it holds ${start} to ${head - 1}`,
  )
}

async function refuseApplicable(
  store: ReadModelStore,
  target: SkipTarget,
  found: Found,
): Promise<void> {
  const { projection, partition, offset } = target
  const nexts: number[] = []
  for (const { id, version } of await store.generations(projection.name)) {
    if (version !== projection.version) continue
    const generation = await store.open(id)
    const next = (await generation.checkpoint()).get(partition)?.next ?? 0
    if (next !== offset) nexts.push(next)
    else if (await foldFails(projection, generation, found)) return
    else throw refused(target, 'this code can apply that event: start the projectors')
  }
  const stands = nexts.length === 0 ? 'it is not built yet' : `it stands at ${nexts.join(' and ')}`
  throw refused(target, `the event can be read, and the model isn't stopped at it: ${stands}`)
}

/** Folds the event as the projector would, but stores nothing. */
async function foldFails(
  projection: Projection,
  generation: Generation,
  { record, origin }: Found,
): Promise<boolean> {
  const { partition, offset } = record
  const dryGeneration: Generation = { ...generation, commit: async () => 'committed' }
  const writer = createWriter(projection, dryGeneration, { skips: async () => [] })
  await writer.restart()
  try {
    await writer.apply({ partition, from: offset, to: offset + 1, events: [record], origin })
    return false
  } catch (error) {
    if (!hasCode(error, 'EVENT_NOT_APPLICABLE')) throw error
    return true
  }
}

const refused = ({ projection, partition, offset }: SkipTarget, reason: string) =>
  new TradelogError('SKIP_REFUSED', `${projection.name}:${partition}:${offset}: ${reason}`, {
    fields: { model: projection.name, partition, offset },
  })

const pollEveryMs = 1_000

/** Emits once the event at which a model stopped is skipped. Never if the error names no event. */
export function untilSkipped(
  store: Pick<ReadModelStore, 'skips'>,
  error: unknown,
): Observable<readonly Skip[]> {
  const at = stoppedAt(error)
  if (at === undefined) return NEVER
  const { partition, offset, origin } = at
  const isAtStop = (skip: Skip) =>
    skip.partition === partition && skip.offset === offset && skip.origin === origin
  return defer(() => store.skips(at.model)).pipe(
    repeat({ delay: pollEveryMs }),
    retry({ delay: (_, failures) => timer(backoffMs(failures)), resetOnSuccess: true }),
    filter((skips) => skips.some(isAtStop)),
    take(1),
  )
}
