import { once } from 'node:events'
import type { WebSocket } from 'ws'
import { isSymbol } from '../domain/symbol.ts'

/** More than this is held for no client: the play of a file waits, the simulation skips. */
export const clientBufferBytesMax = 1024 * 1024
const subscriptionsMax = 10_000

/** Somebody who is connected to the feed server, as a source of trades sees it. */
export type FeedClient = Readonly<{
  symbols: ReadonlySet<string>
  /** Aborted when the client is gone. */
  signal: AbortSignal
  /** Resolves when the client has room again, or is gone. */
  send: (frame: string) => Promise<void>
  /** Sends, or answers false where the client has no room. */
  offer: (frame: string) => boolean
  /** Resolves when all of these are subscribed; rejects when the client is gone before. */
  subscribedTo: (symbols: Iterable<string>) => Promise<void>
}>

export function acceptClient(socket: WebSocket): FeedClient {
  const symbols = new Set<string>()
  const gone = new AbortController()
  const changed = new EventTarget()
  const send = (frame: string) =>
    new Promise<void>((resolve) => {
      socket.send(frame, () => resolve())
      if (socket.bufferedAmount < clientBufferBytesMax) resolve()
    })
  const offer = (frame: string) => {
    if (socket.bufferedAmount >= clientBufferBytesMax) return false
    socket.send(frame, () => {})
    return true
  }
  const subscribedTo = async (wanted: Iterable<string>) => {
    const all = [...wanted]
    while (!all.every((symbol) => symbols.has(symbol))) {
      await once(changed, 'change', { signal: gone.signal })
    }
  }

  socket.on('message', (text) => {
    const refusal = obey(symbols, String(text))
    if (refusal !== undefined) offer(JSON.stringify({ msg: refusal, type: 'error' }))
    changed.dispatchEvent(new Event('change'))
  })
  socket.on('close', () => gone.abort())
  return { symbols, signal: gone.signal, send, offer, subscribedTo }
}

/** Changes the subscriptions as a message of the client says; gives the refusal where it can't. */
function obey(symbols: Set<string>, text: string): string | undefined {
  const { type, symbol } = parse(text)
  if (type !== 'subscribe' && type !== 'unsubscribe') return 'Invalid message'
  if (!isSymbol(symbol)) return 'Invalid symbol'
  if (type === 'unsubscribe') symbols.delete(symbol)
  else if (symbols.size >= subscriptionsMax) return 'Subscribing to too many symbols'
  else symbols.add(symbol)
  return undefined
}

function parse(text: string): { type?: unknown; symbol?: unknown } {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}
