import type { UnixMs } from '../../domain/time.ts'
import { type IngestStatus, statusStaleAfterMs } from '../../read-model-store/status.ts'
import type { Statuses } from './statuses.ts'

/** `no feed`: the settings name none. `not reported`: no process has reported for 10 s. */
export const ingestStates = ['active', 'standing by', 'stopped', 'no feed', 'not reported'] as const
type IngestState = (typeof ingestStates)[number]

type FeedStatus = IngestStatus['feeds'][number]

export const feedStates = [
  'connecting',
  'connected',
  'disconnected',
  'played',
] as const satisfies readonly FeedStatus['state'][]

/** A feed as the last process that listened to it reported it. */
type FeedOverview = Omit<FeedStatus, 'state'> &
  Readonly<{
    /** Null if no process listens to it now, as far as is known. */
    state: FeedStatus['state'] | null
    writtenAt: UnixMs
    isStale: boolean
  }>

/** What the processes of the ingest role report, taken together. */
export type IngestOverview = Readonly<{
  state: IngestState
  /** Since when it is in this state; null if no process has ever reported. */
  since: UnixMs | null
  /** The last report on this state; null if there is none. */
  writtenAt: UnixMs | null
  problems: IngestStatus['problems']
  feeds: readonly FeedOverview[]
}>

type Report = Statuses['ingests'][number]

/** Takes the reports newest first. `isExpected`: this process' own settings name a feed. */
export function ingestOverview(
  reports: readonly Report[],
  isExpected: boolean,
  now: UnixMs,
): IngestOverview {
  const fresh = reports.filter(({ isStale }) => !isStale)
  const [judged] = fresh.toSorted((a, b) => rankOf(a) - rankOf(b))
  if (judged === undefined) return withoutReport(reports, isExpected, now)
  const { writtenAt } = judged
  const state = stateOf(judged)
  if (state === 'active' || state === 'no feed') {
    const { since, problems } = judged
    const feeds = judged.feeds.map((feed) => ({ ...feed, writtenAt, isStale: false }))
    return { state, since, writtenAt, problems, feeds }
  }
  const activeAt = lastActiveAt(reports)
  const since = activeAt ?? judged.since
  const isHandOver = activeAt !== undefined && now - activeAt <= statusStaleAfterMs
  const problems = isHandOver ? [] : idleProblems(judged, since)
  return { state, since, writtenAt, problems, feeds: lastFeeds(reports) }
}

/** A process that stands by, or that has no feed, must not hide one that listens. */
const byRank: readonly IngestState[] = ['active', 'standing by', 'no feed', 'stopped']

const rankOf = (report: Report): number => byRank.indexOf(stateOf(report))

const stateOf = ({ state, feeds }: Report) => (feeds.length === 0 ? 'no feed' : state)

/** A process that was stopped said so; of one that was killed, more reports were expected. */
function withoutReport(
  reports: readonly Report[],
  isExpected: boolean,
  now: UnixMs,
): IngestOverview {
  const isMissing = (report: Report) => ['active', 'standing by'].includes(stateOf(report))
  if (!isExpected && !reports.some(isMissing)) {
    return { state: 'no feed', since: null, writtenAt: null, problems: [], feeds: [] }
  }
  const since = reports.find(({ feeds }) => feeds.length > 0)?.writtenAt ?? null
  const message =
    since === null
      ? 'no process has reported on the feed'
      : `no process has reported on the feed for ${Math.round((now - since) / 1_000)} s`
  const problems = [{ part: 'ingest', message, since: since ?? now }]
  return { state: 'not reported', since, writtenAt: since, problems, feeds: lastFeeds(reports) }
}

/** When a process was active last: when it reported last, or was stopped. */
function lastActiveAt(reports: readonly Report[]): UnixMs | undefined {
  const ends = reports
    .filter((report) => ['active', 'stopped'].includes(stateOf(report)))
    .map(({ state, since, writtenAt }) => (state === 'active' ? writtenAt : since))
  return ends.length === 0 ? undefined : Math.max(...ends)
}

function idleProblems({ state, problems }: Report, since: UnixMs): IngestStatus['problems'] {
  if (problems.length > 0) return problems
  const message = state === 'stopped' ? 'has stopped' : 'every process stands by: none is active'
  return [{ part: 'ingest', message, since }]
}

function lastFeeds(reports: readonly Report[]): readonly FeedOverview[] {
  const ofFeeds = reports.filter(({ feeds }) => feeds.length > 0)
  const last = ofFeeds.find(({ state }) => state !== 'standing by') ?? ofFeeds[0]
  if (last === undefined) return []
  const { writtenAt, isStale } = last
  const unknown = { state: null, problem: null }
  return last.feeds.map((feed) => ({ ...feed, ...unknown, since: writtenAt, writtenAt, isStale }))
}
