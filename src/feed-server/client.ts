import { once } from 'node:events'
import type { WebSocket } from 'ws'
import { isSymbol } from '../domain/symbol.ts'

/** If more than this is buffered for a client, a file waits and the simulation skips trades. */
export const clientBufferBytesMax = 1024 * 1024
/** More than this only for a source that has more symbols. */
const usualSymbolsMax = 10_000

/** A client of the feed server, as a source of trades sees it. */
export type FeedClient = Readonly<{
  symbols: ReadonlySet<string>
  /** Aborted when the client has disconnected. */
  signal: AbortSignal
  /** Resolves when the client has room again, or has disconnected. */
  send: (frame: string) => Promise<void>
  /** Sends, or returns false if the client has no room. */
  offer: (frame: string) => boolean
  /** Resolves when all of these are subscribed; rejects if the client disconnects before. */
  subscribedTo: (symbols: Iterable<string>) => Promise<void>
}>

export function acceptClient(socket: WebSocket, sourceSymbols = 0): FeedClient {
  const symbolsMax = Math.max(sourceSymbols, usualSymbolsMax)
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
    // Each is looked at once while they come: `all` may be thousands.
    for (const symbol of all) await hasSubscribed(symbol)
    if (!all.every((symbol) => symbols.has(symbol))) await subscribedTo(all)
  }
  const hasSubscribed = async (symbol: string) => {
    while (!symbols.has(symbol)) await once(changed, 'change', { signal: gone.signal })
  }

  socket.on('message', (text) => {
    const refusal = changeSubscriptions(symbols, symbolsMax, String(text))
    if (refusal !== undefined) offer(JSON.stringify({ msg: refusal, type: 'error' }))
    changed.dispatchEvent(new Event('change'))
  })
  socket.on('close', () => gone.abort())
  return { symbols, signal: gone.signal, send, offer, subscribedTo }
}

/** Changes the subscriptions as a message of the client says, or returns why it can't. */
function changeSubscriptions(
  symbols: Set<string>,
  symbolsMax: number,
  text: string,
): string | undefined {
  const { type, symbol } = parse(text)
  if (type !== 'subscribe' && type !== 'unsubscribe') return 'Invalid message'
  if (!isSymbol(symbol)) return 'Invalid symbol'
  if (type === 'unsubscribe') symbols.delete(symbol)
  else if (symbols.size >= symbolsMax) return 'Subscribing to too many symbols'
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
