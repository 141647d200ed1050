/** An answer of the API: it has `data` if the status is 200. */
export type Answer<T> = Readonly<{
  status: number
  data: T
  error: Readonly<{ code: string }> | null
}>

export async function get<T>(url: string): Promise<Answer<T>> {
  const response = await fetch(url)
  const { data, error } = (await response.json()) as Omit<Answer<T>, 'status'>
  return { status: response.status, data, error }
}

export type Symbols = Readonly<{
  available: readonly Readonly<{ symbol: string; trade_count: number; last_trade_at: string }>[]
}>

export async function tradeCounts(address: string): Promise<ReadonlyMap<string, number>> {
  const { data } = await get<Symbols>(`${address}/api/v1/symbols`)
  return new Map(data.available.map(({ symbol, trade_count }) => [symbol, trade_count]))
}

export type TradesPage = Readonly<{
  data: readonly Readonly<{ timestamp: string; price: string; volume: string; source: string }>[]
  pagination: Readonly<{ next_cursor: string | null }>
}>

/** All trades of a symbol, page by page, newest first. */
export async function walkTrades(address: string, symbol: string, limit = 1000) {
  const trades: TradesPage['data'][number][] = []
  let before = ''
  for (;;) {
    const path = `/api/v1/trades/${encodeURIComponent(symbol)}?limit=${limit}${before}`
    const { status, data } = await get<TradesPage>(address + path)
    if (status !== 200) throw new Error(`${path} answered ${status}`)
    trades.push(...data.data)
    const { next_cursor } = data.pagination
    if (next_cursor === null) return trades
    before = `&before=${encodeURIComponent(next_cursor)}`
  }
}
