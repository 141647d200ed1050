import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

export type ScriptedFeed = Awaited<ReturnType<typeof startScriptedFeed>>

/** A feed that does what a test tells it: it keeps every connection and what was said on it. */
export async function startScriptedFeed(
  onConnection: (socket: WebSocket, count: number) => void = () => {},
  { port: wanted = 0, autoPong = true } = {},
) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: wanted, autoPong })
  await once(server, 'listening')
  const sockets: WebSocket[] = []
  const heard: string[][] = []
  server.on('connection', (socket) => {
    const messages: string[] = []
    heard.push(messages)
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('message', (text) => messages.push(String(text)))
    onConnection(socket, sockets.length)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `ws://127.0.0.1:${port}`,
    sockets,
    heard,
    send: (...messages: unknown[]) => {
      for (const message of messages) sockets.at(-1)?.send(textOf(message))
    },
    close: async () => {
      for (const socket of server.clients) socket.terminate()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const textOf = (message: unknown): string | Buffer =>
  typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message)
