export type ClientRate = Readonly<{
  /** Takes one request out of a client's bucket: 0, or the milliseconds until there is one again. */
  take: (client: string) => number
  /** How many clients are remembered. */
  clients: () => number
}>

export type ClientRateOptions = Readonly<{
  /** What flows into each client's bucket. */
  requestsPerSecond: number
  /** What a bucket holds. */
  requestsBurst: number
  clientsMax?: number
  now?: () => number
}>

/**
 * A token bucket for each client, kept as the time at which it will be full again: one that is full
 * needs no memory. Beyond `clientsMax` the one that asked longest ago is forgotten, and begins anew
 * with a full bucket: memory stays bounded, whoever comes.
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
