import { type Readiness, type Reason, reasonOf } from '../runtime/readiness.ts'
import type { FeedCondition } from './feed.ts'
import { type IngestStats, isConnectedTo } from './ingestor.ts'

/** How long an append may take before the event store is called away. */
const appendMsMax = 10_000

/** What keeps ingest from filling the log; one that stands by for another process is ready. */
export const ingestReadiness =
  (stats: () => IngestStats, now = Date.now): Readiness =>
  async () => {
    const { state, stateSince, feeds, appendingSince } = stats()
    if (state === 'stopped') return [reasonOf('ingest', 'has stopped', stateSince)]
    const reasons: Reason[] = []
    for (const feed of state === 'active' ? feeds : []) {
      const message = troubleOf(feed)
      const part = feeds.length === 1 ? 'feed' : `feed ${feed.source}`
      if (message !== null) reasons.push(reasonOf(part, message, feed.since))
    }
    if (appendingSince !== null && now() - appendingSince > appendMsMax) {
      reasons.push(reasonOf('event store', 'takes no events', appendingSince))
    }
    return reasons
  }

/** A file that has been played is no part that has to work any more. */
function troubleOf(feed: FeedCondition): string | null {
  const { state, problem } = feed
  if (isConnectedTo(feed)) return state === 'played' ? null : problem
  return problem === null ? 'is not connected' : `is not connected: ${problem}`
}
