type ClientRate = Readonly<{
  /** Takes one request from a client's bucket. Returns 0, or if it is empty the ms to wait. */
  take: (client: string) => number
  /** How many clients are remembered. */
  clients: () => number
}>

type ClientRateOptions = Readonly<{
  /** How fast a client's bucket refills. */
  requestsPerSecond: number
  /** The capacity of a bucket. */
  requestsBurst: number
  clientsMax?: number
  now?: () => number
}>

/**
 * A token bucket for each client, stored as the time at which it is full again: a full one needs no
 * memory. Beyond `clientsMax` the client with the oldest request is forgotten and starts again with
 * a full bucket, so memory stays bounded.
 */
export function clientRate({
  requestsPerSecond,
  requestsBurst,
  clientsMax = 10_000,
  now = () => performance.now(),
}: ClientRateOptions): ClientRate {
  const msPerRequest = 1_000 / requestsPerSecond
  const emptyMs = requestsBurst * msPerRequest
  const fullAt = new Map<string, number>()

  const forget = (at: number) => {
    for (const [client, time] of fullAt) {
      if (time > at && fullAt.size <= clientsMax) return
      fullAt.delete(client)
    }
  }
  const take = (client: string): number => {
    const at = now()
    const full = Math.max(at, fullAt.get(client) ?? at) + msPerRequest
    if (full - at > emptyMs) return full - at - emptyMs
    fullAt.delete(client)
    fullAt.set(client, full)
    if (fullAt.size > clientsMax) forget(at)
    return 0
  }
  return { take, clients: () => fullAt.size }
}
