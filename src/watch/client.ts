import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs, countFailures } from '../runtime/backoff.ts'
import { serverSentEvents } from './server-sent-events.ts'
import type { Feeds, ReadModel, WatchEvent } from './state.ts'

type WatchOptions = Readonly<{
  /** The API's address; a path in front of its routes is kept. */
  api: string
  signal: AbortSignal
  onEvent: (event: WatchEvent) => void
  /** How often read models and feeds are asked for. */
  askEveryMs?: number
  /** A stream without data for so long, not even a heartbeat, counts as lost. */
  silenceMsMax?: number
  /** Waits so many ms, or until the signal is aborted. */
  pause?: (ms: number, signal: AbortSignal) => Promise<void>
}>

const retry = { firstMs: 200, maxMs: 3_000 } as const

/** Follows a running API over HTTP until it is aborted, and reconnects whenever it has to. */
export async function watchApi(options: WatchOptions): Promise<void> {
  await Promise.all([followStream(options), followReadModels(options), followFeeds(options)])
}

/** A stream that opens and ends at once, again and again, is retried as seldom as no stream. */
async function followStream(options: WatchOptions): Promise<void> {
  const { signal, onEvent, pause = usualPause } = options
  const last = { id: '' }
  const failures = countFailures()
  while (!signal.aborted) {
    const reason = await readStream(options, last, failures.works).catch(reasonOf)
    if (signal.aborted) return
    onEvent({ kind: 'lost', reason })
    await pause(backoffMs(failures.failed(), Math.random, retry), signal)
  }
}

/** Resolves to the reason why it has ended. */
const readStream = (
  { api, signal, onEvent, silenceMsMax = 40_000 }: WatchOptions,
  last: { id: string },
  works: () => void,
): Promise<string> =>
  unlessSilent({ signal, silenceMsMax }, async (signal, onData) => {
    const headers = { 'Last-Event-ID': last.id }
    const { ok, status, body } = await fetch(`${api}/api/v1/stream`, { headers, signal })
    if (!ok || body === null) return `the API answers ${status}`
    onEvent({ kind: 'connected' })
    for await (const { event, data, id } of serverSentEvents(body)) {
      onData()
      works()
      if (event === 'tick') onEvent({ kind: 'tick', tick: JSON.parse(data) })
      if (event === 'bye') return `the API says: ${JSON.parse(data).reason}`
      last.id = id ?? last.id
    }
    return 'the stream has ended'
  })

/** Ignores failures, so the last state stays; the stream reports that the connection is lost. */
async function followReadModels(options: WatchOptions): Promise<void> {
  const { signal, onEvent, askEveryMs = usualAskEveryMs, pause = usualPause } = options
  while (!signal.aborted) {
    const answer = await ask<{ data: readonly ReadModel[] }>(options, 'read-models').catch(() => {})
    if (answer) onEvent({ kind: 'read models', readModels: answer.data })
    await pause(askEveryMs, signal)
  }
}

/** A failure is shown: the last state of a feed must not look like the present one. */
async function followFeeds(options: WatchOptions): Promise<void> {
  const { signal, onEvent, askEveryMs = usualAskEveryMs, pause = usualPause } = options
  while (!signal.aborted) {
    const event = await ask<Feeds>(options, 'feeds').then(
      (feeds): WatchEvent => ({ kind: 'feeds', feeds }),
      (error: unknown): WatchEvent => ({ kind: 'feeds not known', reason: reasonOf(error) }),
    )
    onEvent(event)
    await pause(askEveryMs, signal)
  }
}

const usualAskEveryMs = 1_000

/** The `data` of an answer; rejects with the message of a failure. */
const ask = <T>({ api, signal }: WatchOptions, path: string): Promise<T> =>
  unlessSilent({ signal, silenceMsMax: answerMsMax }, async (signal) => {
    const response = await fetch(`${api}/api/v1/${path}`, { signal })
    const { data, message } = JSON.parse(await response.text())
    if (!response.ok) throw new Error(message)
    return data
  })

const answerMsMax = 10_000

/** The signal of `work` is aborted with the other, after so long without data, and at the end. */
async function unlessSilent<T>(
  { signal, silenceMsMax }: { signal: AbortSignal; silenceMsMax: number },
  work: (signal: AbortSignal, onData: () => void) => Promise<T>,
): Promise<T> {
  const ended = new AbortController()
  const stop = () => ended.abort(signal.reason)
  signal.addEventListener('abort', stop)
  const silence = setTimeout(() => ended.abort(new Error('no data received')), silenceMsMax)
  try {
    return await work(ended.signal, () => silence.refresh())
  } finally {
    clearTimeout(silence)
    signal.removeEventListener('abort', stop)
    ended.abort()
  }
}

async function usualPause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {})
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message
}
