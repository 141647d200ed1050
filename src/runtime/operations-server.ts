import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a role says of itself: empty reasons mean that it is ready. */
export type Readiness = () => Promise<readonly string[]>

export type OperationsServer = Readonly<{ port: number; close: () => Promise<void> }>

/**
 * Serves `/healthz` (the process lives) and `/readyz` (it does its work; 503 with the reasons
 * otherwise) to whoever supervises the process.
 */
export const startOperationsServer = async (options: {
  host: string
  port: number
  readiness: Readiness
}): Promise<OperationsServer> => {
  const server = createServer(async (request, response) => {
    const answer = await answerTo(request.url ?? '/', options.readiness)
    response.writeHead(answer.status, { 'content-type': 'application/json; charset=utf-8' })
    response.end(JSON.stringify(answer.body))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
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

const answerTo = async (url: string, readiness: Readiness) => {
  const [path] = url.split('?')
  if (path === '/healthz') return { status: 200, body: { status: 'alive' } }
  if (path !== '/readyz') return { status: 404, body: { status: 'not found' } }
  const reasons = await readiness().catch((error: unknown) => [String(error)])
  return reasons.length === 0
    ? { status: 200, body: { status: 'ready' } }
    : { status: 503, body: { status: 'not ready', reasons } }
}
