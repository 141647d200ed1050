import type { UnixMs } from '../../domain/time.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import {
  type IngestStatus,
  type ProjectorState,
  statusStaleAfterMs,
} from '../../read-model-store/status.ts'
import { readStatuses, type Statuses } from '../status/statuses.ts'

/** What processes reported last of the feeds and of the projectors. */
export type Reports = Readonly<{
  /** When the reports were read. */
  now: UnixMs
  /**
   * All that the feed sent before this is in the log, but for its interruptions. Infinite while the
   * feed is connected: it is heard up to now. Undefined if nobody has reported that it was heard.
   */
  heardUntil: (source: string) => UnixMs | undefined
  /**
   * All that was in the log's partition before this is applied to the read model. Infinite while
   * its projector keeps up: up to now. Undefined if nobody has reported that it did.
   */
  appliedUntil: (model: string, partition: number) => UnixMs | undefined
  /** The latest interruption of the feed, once for each process that has reported one. */
  interruptionsOf: (source: string) => readonly ReportedInterruption[]
}>

/** An interruption which may not be in the log yet. */
type ReportedInterruption = NonNullable<IngestStatus['feeds'][number]['interruption']> &
  /** Whether its process still reports. If not, one without an end may have ended long ago. */
  Readonly<{ isLive: boolean }>

/** To be called before the rows are read that are judged by it: what it says is true of them. */
export type ReadReports = () => Promise<Reports>

/** Processes report once a second: reading more often would show nothing new. */
export const reportsAgeMsMax = 1_000

type Options = Readonly<{ store: ReadModelStore; now: () => UnixMs }>

/** Reads the status rows at most once a second, for all requests and streams together. */
export function reportReader({ store, now }: Options): ReadReports {
  let last: Readonly<{ at: UnixMs; reports: Promise<Reports> }> | undefined

  const readAt = async (at: UnixMs): Promise<Reports> =>
    reportsOf(await readStatuses(store, at), at)
  return async () => {
    const at = now()
    // The age counts from the start of a read, so one that hangs doesn't block later ones. A clock
    // that was set back ends it too.
    const isFresh = last !== undefined && at >= last.at && at - last.at < reportsAgeMsMax
    if (last !== undefined && isFresh) return await last.reports
    const reading = { at, reports: readAt(at) }
    last = reading
    reading.reports.catch(() => {
      if (last === reading) last = undefined
    })
    return await reading.reports
  }
}

function reportsOf(
  { ingests, projectors }: Pick<Statuses, 'ingests' | 'projectors'>,
  now: UnixMs,
): Reports {
  const isRecent = (at: UnixMs) => now - at <= statusStaleAfterMs
  const heard = createMarks()
  const applied = createMarks()
  const interruptions = new Map<string, ReportedInterruption[]>()
  for (const { state, feeds, writtenAt } of ingests) {
    const isLive = state === 'active' && isRecent(writtenAt)
    for (const { source, heardUntil, interruption, ...feed } of feeds) {
      const isHeard = isLive && feed.state === 'connected'
      heard.add(source, heardUntil, isHeard && isRecent(heardUntil ?? 0))
      if (interruption === null) continue
      const others = interruptions.get(source) ?? []
      interruptions.set(source, [...others, { ...interruption, isLive }])
    }
  }
  for (const { model, state, caughtUpAt = {}, writtenAt } of projectors) {
    for (const [partition, at] of Object.entries(caughtUpAt)) {
      const isUpToNow = !isBehind(state) && isRecent(writtenAt) && isRecent(at)
      applied.add(`${model}:${partition}`, at, isUpToNow)
    }
  }
  return {
    now,
    heardUntil: heard.of,
    appliedUntil: (model, partition) => applied.of(`${model}:${partition}`),
    interruptionsOf: (source) => interruptions.get(source) ?? [],
  }
}

const isBehind = (state: ProjectorState): boolean =>
  state === 'catching up' || state === 'stalled' || state === 'stopped'

/** The latest time reported of each name. */
function createMarks() {
  const marks = new Map<string, UnixMs>()
  return {
    add: (name: string, at: UnixMs | null, isUpToNow: boolean): void => {
      if (at === null) return
      const until = isUpToNow ? Number.POSITIVE_INFINITY : at
      marks.set(name, Math.max(until, marks.get(name) ?? until))
    },
    of: (name: string): UnixMs | undefined => marks.get(name),
  }
}
