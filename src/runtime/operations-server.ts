import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { TradelogError } from '../domain/errors.ts'
import type { Metrics } from './metrics.ts'
import { type Readiness, reasonOf } from './readiness.ts'

type OperationsServerOptions = Readonly<{
  host: string
  port: number
  readiness: Readiness
  metrics: Pick<Metrics, 'text' | 'contentType'>
}>

type OperationsServer = Readonly<{ port: number; close: () => Promise<void> }>

type Answer = Readonly<{ status: number; type: string; body: string }>

/**
 * Serves `/healthz` (the process lives), `/readyz` (it does its work; 503 with the reasons
 * otherwise) and `/metrics` to supervisors. Rejects with `CONFIG_INVALID` if it can't listen.
 */
export async function startOperationsServer(
  options: OperationsServerOptions,
): Promise<OperationsServer> {
  const server = createServer(async (request, response) => {
    const answer = answerTo(request.url ?? '/', options)
    const { status, type, body } = await answer.catch(failed)
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
    response.end(body)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const address = `${options.host}:${options.port}`
      const message = `operations_port: cannot listen on ${address}: ${cause.message}`
      reject(new TradelogError('CONFIG_INVALID', message, { cause }))
    })
    server.listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answerTo(
  url: string,
  { readiness, metrics }: OperationsServerOptions,
): Promise<Answer> {
  const [path] = url.split('?')
  if (path === '/healthz') return json(200, { status: 'alive' })
  if (path === '/readyz') return readyAnswer(readiness)
  if (path !== '/metrics') return json(404, { status: 'not found' })
  return { status: 200, type: metrics.contentType, body: await metrics.text() }
}

async function readyAnswer(readiness: Readiness): Promise<Answer> {
  const reasons = await readiness().catch((error: unknown) => [
    reasonOf('readiness', String(error), Date.now()),
  ])
  return reasons.length === 0
    ? json(200, { status: 'ready' })
    : json(503, { status: 'not ready', reasons })
}

const failed = (error: unknown) => json(500, { status: 'failed', message: String(error) })

const json = (status: number, body: unknown): Answer => ({
  status,
  type: 'application/json; charset=utf-8',
  body: JSON.stringify(body),
})
