import type { IngestStatus } from '../../src/read-model-store/status.ts'

type FeedStatus = IngestStatus['feeds'][number]

/** When things began in these reports. */
export const reportedSince = Date.UTC(2025, 10, 20)

/** A feed that is connected, with nothing wrong, unless the fields say otherwise. */
export const feedReport = (fields: Partial<FeedStatus> = {}): FeedStatus => ({
  source: 'finnhub',
  state: 'connected',
  since: reportedSince,
  problem: null,
  heardUntil: reportedSince + 5_000,
  lastTradeAt: reportedSince + 4_000,
  interruption: null,
  ...fields,
})

/** What a process that listens to one connected feed reports, unless the fields say otherwise. */
export const ingestReport = (fields: Partial<IngestStatus> = {}): IngestStatus => ({
  kind: 'ingest',
  state: 'active',
  since: reportedSince,
  feeds: [feedReport()],
  problems: [],
  ...fields,
})

/** What it reports of a feed that refuses its token. */
export const refusedReport = (): IngestStatus => {
  const problem = 'the feed answers 401: check finnhub.token'
  return ingestReport({
    feeds: [feedReport({ state: 'disconnected', heardUntil: null, lastTradeAt: null, problem })],
    problems: [{ part: 'feed', message: `is not connected: ${problem}`, since: reportedSince }],
  })
}
