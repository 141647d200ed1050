import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs } from '../runtime/backoff.ts'
import { serverSentEvents } from './server-sent-events.ts'
import type { ReadModel, WatchEvent } from './state.ts'

type WatchOptions = Readonly<{
  /** The API's address; a path in front of its routes is kept. */
  api: string
  signal: AbortSignal
  onEvent: (event: WatchEvent) => void
  readModelsEveryMs?: number
  /** A stream on which nothing comes for so long, not even a heartbeat, is dead. */
  silenceMsMax?: number
}>

const retry = { firstMs: 200, maxMs: 3_000 } as const

/** Follows a running API over HTTP, through any interruption, until it is aborted. */
export async function watchApi(options: WatchOptions): Promise<void> {
  await Promise.all([followStream(options), followReadModels(options)])
}

async function followStream(options: WatchOptions): Promise<void> {
  const { signal, onEvent } = options
  const place = { id: '' }
  for (let failures = 1; !signal.aborted; failures++) {
    const onConnected = () => {
      failures = 0
      onEvent({ kind: 'connected' })
    }
    const reason = await readStream(options, place, onConnected).catch(reasonOf)
    if (signal.aborted) return
    onEvent({ kind: 'lost', reason })
    await rest(backoffMs(failures + 1, Math.random, retry), signal)
  }
}

/** Gives why it has ended. */
const readStream = (
  { api, signal, onEvent, silenceMsMax = 40_000 }: WatchOptions,
  place: { id: string },
  onConnected: () => void,
): Promise<string> =>
  unlessSilent({ signal, silenceMsMax }, async (signal, onSound) => {
    const headers = { 'Last-Event-ID': place.id }
    const { ok, status, body } = await fetch(`${api}/api/v1/stream`, { headers, signal })
    if (!ok || body === null) return `the API answers ${status}`
    onConnected()
    for await (const { event, data, id } of serverSentEvents(body)) {
      onSound()
      if (event === 'tick') onEvent({ kind: 'tick', tick: JSON.parse(data) })
      if (event === 'bye') return `the API says: ${JSON.parse(data).reason}`
      place.id = id ?? place.id
    }
    return 'the stream has ended'
  })

/** A failure keeps what is known; the stream says that the connection is lost. */
async function followReadModels(options: WatchOptions): Promise<void> {
  const { signal, onEvent, readModelsEveryMs = 1_000 } = options
  while (!signal.aborted) {
    const readModels = await readReadModels(options).catch(() => undefined)
    if (readModels !== undefined) onEvent({ kind: 'read models', readModels })
    await rest(readModelsEveryMs, signal)
  }
}

const readReadModels = ({ api, signal }: WatchOptions): Promise<readonly ReadModel[] | undefined> =>
  unlessSilent({ signal, silenceMsMax: answerMsMax }, async (signal) => {
    const response = await fetch(`${api}/api/v1/read-models`, { signal })
    return JSON.parse(await response.text()).data?.data
  })

const answerMsMax = 10_000

/** Its signal is aborted with the other, when there was no sound for so long, and at the end. */
async function unlessSilent<T>(
  { signal, silenceMsMax }: { signal: AbortSignal; silenceMsMax: number },
  work: (signal: AbortSignal, onSound: () => void) => Promise<T>,
): Promise<T> {
  const ended = new AbortController()
  const stop = () => ended.abort(signal.reason)
  signal.addEventListener('abort', stop)
  const silence = setTimeout(() => ended.abort(new Error('nothing has come')), silenceMsMax)
  try {
    return await work(ended.signal, () => silence.refresh())
  } finally {
    clearTimeout(silence)
    signal.removeEventListener('abort', stop)
    ended.abort()
  }
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {})
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message
}
