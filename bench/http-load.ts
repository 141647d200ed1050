import { Agent, get } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'

export type Client = Readonly<{
  /** The body of an answer; any status but 200 rejects. */
  get: (path: string) => Promise<Buffer>
  close: () => void
}>

/** A client that keeps up to so many connections open. */
export function createClient(port: number, connectionsMax: number): Client {
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

type Load = Readonly<{ concurrency: number; seconds: number; nextPath: () => string }>

export type LoadResult = Readonly<{ requests: number; seconds: number; latenciesMs: number[] }>

/** Keeps so many requests in flight for so long. */
export async function load(
  client: Client,
  { concurrency, seconds, nextPath }: Load,
): Promise<LoadResult> {
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

type PacedLoad = Readonly<{ perSecond: number; seconds: number; nextPath: () => string }>

/** Requests at a steady rate; a latency counts from when its request was due. */
export async function pacedLoad(
  client: Client,
  { perSecond, seconds, nextPath }: PacedLoad,
): Promise<LoadResult> {
  const latenciesMs: number[] = []
  const answered: Promise<void>[] = []
  const start = performance.now()
  const ask = async (dueAt: number) => {
    await client.get(nextPath())
    latenciesMs.push(performance.now() - dueAt)
  }
  for (let asked = 0; asked < perSecond * seconds; await nextTurn()) {
    const due = Math.min(perSecond * seconds, ((performance.now() - start) / 1_000) * perSecond)
    for (; asked < due; asked++) answered.push(ask(start + (asked / perSecond) * 1_000))
  }
  await Promise.all(answered)
  const tookSeconds = (performance.now() - start) / 1_000
  return { requests: latenciesMs.length, seconds: tookSeconds, latenciesMs }
}
