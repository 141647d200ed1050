import { type Readiness, type Reason, reasonOf } from '../runtime/readiness.ts'
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
      if (isConnectedTo(feed)) continue
      const part = feeds.length === 1 ? 'feed' : `feed ${feed.source}`
      reasons.push(reasonOf(part, 'is not connected', feed.since))
    }
    if (appendingSince !== null && now() - appendingSince > appendMsMax) {
      reasons.push(reasonOf('event store', 'takes no events', appendingSince))
    }
    return reasons
  }
