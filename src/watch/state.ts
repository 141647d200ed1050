/** What the screen shows, as the API sends it. Prices are decimal text. */
type Tick = Readonly<{
  symbol: string
  price: string
  vwap: string | null
  change: string | null
  trade_count: number
}>

export type ReadModel = Readonly<{
  name: string
  version: number | null
  generation: string | null
  state: string
  lag: number | null
  error: Readonly<{ code: string; message: string }> | null
  replay: Readonly<{
    state: string
    events_done: number
    events_total: number
    events_per_second: number
    is_stale: boolean
  }> | null
  verification: Readonly<{ result: string; finished_at: string }> | null
}>

export type Feeds = Readonly<{
  data: readonly Readonly<{
    source: string
    state: 'connecting' | 'connected' | 'disconnected' | 'played' | null
    since: string
    problem: string | null
  }>[]
  ingest: Readonly<{
    state: 'active' | 'standing by' | 'stopped' | 'no feed' | 'not reported'
    since: string | null
    problems: readonly Readonly<{ part: string; message: string }>[]
  }>
}>

export type WatchEvent =
  | Readonly<{ kind: 'tick'; tick: Tick }>
  | Readonly<{ kind: 'read models'; readModels: readonly ReadModel[] }>
  | Readonly<{ kind: 'feeds'; feeds: Feeds }>
  | Readonly<{ kind: 'feeds not known'; reason: string }>
  | Readonly<{ kind: 'connected' }>
  | Readonly<{ kind: 'lost'; reason: string }>

export type Watched = Readonly<{ tick: Tick; prices: readonly number[] }>

export type WatchState = Readonly<{
  api: string
  connection: Readonly<{ state: 'connecting' | 'live' | 'lost'; reason: string }>
  symbols: ReadonlyMap<string, Watched>
  readModels: readonly ReadModel[]
  /** Or the reason why nothing is known of them; undefined before the first answer. */
  feeds: Feeds | string | undefined
}>

/** As many as the widest sparkline shows. */
const pricesMax = 60

/** Keeps the state of a screen: `take` applies an event, `now` returns the state so far. */
export function watchState(api: string) {
  const symbols = new Map<string, Watched>()
  let state: WatchState = {
    api,
    connection: { state: 'connecting', reason: '' },
    symbols,
    readModels: [],
    feeds: undefined,
  }
  const take = (event: WatchEvent): void => {
    if (event.kind === 'tick') {
      const { tick } = event
      const prices = symbols.get(tick.symbol)?.prices ?? []
      symbols.set(tick.symbol, { tick, prices: [...prices, Number(tick.price)].slice(-pricesMax) })
    } else if (event.kind === 'read models') {
      state = { ...state, readModels: event.readModels }
    } else if (event.kind === 'feeds') {
      state = { ...state, feeds: event.feeds }
    } else if (event.kind === 'feeds not known') {
      state = { ...state, feeds: event.reason }
    } else {
      const reason = event.kind === 'lost' ? event.reason : ''
      state = { ...state, connection: { state: event.kind === 'lost' ? 'lost' : 'live', reason } }
    }
  }
  return { take, now: (): WatchState => state }
}
