import { once } from 'node:events'
import { WebSocket } from 'ws'

type Frame = {
  type: string
  msg?: string
  file?: string
  data?: { s: string; p: number; v: number; t: number; c: string[] | null; row?: number }[]
}

/** A plain client of a feed: keeps every frame. */
export async function connectReader(url: string, symbols: readonly string[] = []) {
  const socket = new WebSocket(url)
  const texts: string[] = []
  socket.on('message', (text) => texts.push(String(text)))
  await once(socket, 'open')
  const send = (message: unknown) =>
    socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  const subscribe = (symbol: string) => send({ type: 'subscribe', symbol })
  for (const symbol of symbols) subscribe(symbol)
  const frames = () => texts.map((text): Frame => JSON.parse(text))
  return {
    socket,
    texts,
    frames,
    entries: () => frames().flatMap(({ data = [] }) => data),
    send,
    subscribe,
    close: async () => {
      socket.terminate()
      if (socket.readyState !== WebSocket.CLOSED) await once(socket, 'close')
    },
  }
}
