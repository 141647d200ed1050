import { setTimeout as sleep } from 'node:timers/promises'
import type { IngestStats } from '../ingest/ingestor.ts'
import type { ReadModelStore } from '../read-model-store/read-model-store.ts'
import type { IngestStatus } from '../read-model-store/status.ts'
import { backoffMs } from '../runtime/backoff.ts'
import { closeOnce } from '../runtime/close-once.ts'
import { inTime } from '../runtime/in-time.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Reason } from '../runtime/readiness.ts'

type StatusStore = Pick<ReadModelStore, 'writeStatus'>

type Options = Readonly<{
  /** Opens the store; called again after it has rejected. */
  openStore: () => Promise<StatusStore>
  processName: string
  status: () => Promise<IngestStatus>
  logger: Logger
  /** How long `close` waits for the store. */
  closeMsMax: number
  everyMs?: number
  now?: () => number
}>

/** A failure that lasts is logged again after this time. */
const logAgainMs = 10 * 60_000

/**
 * Writes the status row of ingest every second, for the API to judge and show. Ingest needs no
 * store of read models: it never waits for one, and works on without. A row that isn't written gets
 * old, so that the API knows that it knows nothing.
 */
export function reportIngest(options: Options) {
  const { status, logger, closeMsMax, everyMs = 1_000, now = Date.now } = options
  const closing = new AbortController()
  const source = `ingest:${options.processName}`
  let store: StatusStore | undefined
  let loggedAt: number | undefined
  let failures = 0

  const write = async () => {
    store ??= await options.openStore()
    await store.writeStatus(source, await status())
  }
  const written = () => {
    if (loggedAt !== undefined) logger.info('the status of ingest is written again')
    loggedAt = undefined
    failures = 0
  }
  const failed = (err: unknown) => {
    failures++
    if (loggedAt !== undefined && now() - loggedAt < logAgainMs) return
    loggedAt = now()
    const why = err instanceof Error ? err.message : String(err)
    logger.warn({ err }, `the status of ingest isn't written, so the API doesn't know it: ${why}`)
  }
  const report = async () => {
    while (!closing.signal.aborted) {
      await write().then(written, failed)
      const waitMs = Math.max(everyMs, failures === 0 ? 0 : backoffMs(failures))
      await sleep(waitMs, undefined, { signal: closing.signal }).catch(() => {})
    }
  }
  const reporting = report()
  /** Writes a last row: that ingest has stopped is known then, and not only missed. */
  const finish = async () => {
    await reporting
    if (failures === 0) await write()
  }
  const close = closeOnce(async () => {
    closing.abort()
    await inTime(closeMsMax, finish).catch((err: unknown) =>
      logger.debug({ err }, 'the last status of ingest is not written'),
    )
  })
  return { close }
}

/** The status row of a process that fills the log, or stands by to do it. */
export const statusOf = (stats: IngestStats, reasons: readonly Reason[]): IngestStatus => ({
  kind: 'ingest',
  state: stats.state,
  since: stats.stateSince,
  feeds: stats.feeds.map(({ source, state, since, problem, ...feed }) => ({
    source,
    state,
    since,
    problem,
    heardUntil: feed.heardUntil,
    lastTradeAt: feed.lastTradeAt,
    interruption: feed.interruption,
  })),
  problems: problemsOf(reasons),
})

/** The status row of a process whose settings name no feed. */
export const statusWithoutFeed = (since: number, reasons: readonly Reason[]): IngestStatus => ({
  kind: 'ingest',
  state: 'active',
  since,
  feeds: [],
  problems: problemsOf(reasons),
})

const problemsOf = (reasons: readonly Reason[]): IngestStatus['problems'] =>
  reasons.map(({ part, message, since }) => ({ part, message, since: Date.parse(since) }))
