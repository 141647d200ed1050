import { once } from 'node:events'
import type { Logger } from 'pino'
import { type WebSocket, WebSocketServer } from 'ws'
import { TradelogError } from '../domain/errors.ts'
import { closeOnce } from '../runtime/close-once.ts'
import { acceptClient, type FeedClient } from './client.ts'

export interface FeedSource {
  /** Sends a client trades until it disconnects or none are left; a rejection disconnects it. */
  serve(client: FeedClient): Promise<void>
  /** How many symbols it has, if it knows: a client may subscribe to all of them. */
  symbolCount?: number
}

type FeedServerOptions = Readonly<{
  host: string
  /** 0 takes any free port. */
  port: number
  source: FeedSource
  pingEveryMs: number
  logger: Logger
}>

export type FeedServer = Readonly<{
  url: string
  close: () => Promise<void>
}>

const clientsMax = 100
const messageBytesMax = 64 * 1024
const ping = JSON.stringify({ type: 'ping' })

/** A WebSocket server that speaks Finnhub's protocol. */
export async function startFeedServer(options: FeedServerOptions): Promise<FeedServer> {
  const server = await listen(options)
  const clients = new Map<WebSocket, FeedClient>()
  server.on('connection', (socket) => {
    if (clients.size >= clientsMax) return socket.close(1013, 'too many clients')
    const client = acceptClient(socket, options.source.symbolCount)
    clients.set(socket, client)
    socket.on('close', () => clients.delete(socket))
    serve(socket, client, options)
  })
  const pings = setInterval(() => {
    for (const client of clients.values()) client.offer(ping)
  }, options.pingEveryMs)

  const close = closeOnce(() => {
    clearInterval(pings)
    return closeServer(server)
  })
  return { url: urlOf(server), close }
}

async function listen({ host, port, logger }: FeedServerOptions): Promise<WebSocketServer> {
  const server = new WebSocketServer({ host, port, maxPayload: messageBytesMax })
  try {
    await once(server, 'listening')
  } catch (error) {
    const message = `the feed server can't listen on ${host}:${port}`
    throw new TradelogError('FEED_UNAVAILABLE', message, { cause: error })
  }
  server.on('error', (error) => logger.error({ err: error }, 'feed server failed'))
  return server
}

function serve(socket: WebSocket, client: FeedClient, options: FeedServerOptions): void {
  socket.on('error', (error) =>
    options.logger.warn({ err: error }, 'feed client broke the protocol'),
  )
  options.source.serve(client).catch((error: unknown) => {
    if (client.signal.aborted) return
    options.logger.error({ err: error }, 'feed source failed')
    socket.close(1011, 'feed source failed')
  })
}

function urlOf(server: WebSocketServer): string {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('not on a TCP port')
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `ws://${host}:${address.port}`
}

async function closeServer(server: WebSocketServer): Promise<void> {
  for (const socket of server.clients) socket.terminate()
  await new Promise<void>((resolve) => server.close(() => resolve()))
}
