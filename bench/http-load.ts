import { Agent, get } from 'node:http'

export type Client = Readonly<{
  /** The body of an answer; any status but 200 rejects. */
  get: (path: string) => Promise<Buffer>
  close: () => void
}>

/** A client that keeps its connections, at most so many. */
export const createClient = (port: number, connectionsMax: number): Client => {
  const agent = new Agent({ keepAlive: true, maxSockets: connectionsMax })
  return {
    get: (path) =>
      new Promise((resolve, reject) => {
        const request = get({ port, path, agent, host: '127.0.0.1' }, (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk) => chunks.push(chunk))
          response.once('error', reject)
          response.once('end', () => {
            if (response.statusCode === 200) resolve(Buffer.concat(chunks))
            else reject(new Error(`${path}: ${response.statusCode} ${Buffer.concat(chunks)}`))
          })
        })
        request.once('error', reject)
      }),
    close: () => agent.destroy(),
  }
}

export type Load = Readonly<{ concurrency: number; seconds: number; nextPath: () => string }>

export type LoadResult = Readonly<{ requests: number; seconds: number; latenciesMs: number[] }>

/** So many requests under way at any time, for so long. */
export const load = async (
  client: Client,
  { concurrency, seconds, nextPath }: Load,
): Promise<LoadResult> => {
  const latenciesMs: number[] = []
  const start = performance.now()
  const end = start + seconds * 1_000
  const ask = async () => {
    for (let at = performance.now(); at < end; at = performance.now()) {
      await client.get(nextPath())
      latenciesMs.push(performance.now() - at)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, ask))
  const tookSeconds = (performance.now() - start) / 1_000
  return { requests: latenciesMs.length, seconds: tookSeconds, latenciesMs }
}
