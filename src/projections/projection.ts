import type { EventType, TradelogEvent } from '../domain/event.ts'
import type { RecordedEvent } from '../domain/recorded-event.ts'
import type { UnixMs } from '../domain/time.ts'
import type { KeyPart } from '../read-model-store/key.ts'
import type { Row } from '../read-model-store/read-model-store.ts'

// biome-ignore lint/suspicious/noExplicitAny: models of the registry differ in events and rows.
type Any = any
type EventsByType = { [Event in TradelogEvent as Event['type']]: Event }
type Named<T extends EventType> = RecordedEvent<EventsByType[T]>

type Common<T extends EventType> = Readonly<{
  /** The read model's name: in routes, commands, folders and collections. */
  name: string
  /** Raise it whenever the fold or the row's shape changes: a deploy then rebuilds the model. */
  version: number
  /** The event types it folds. Other known types are ignored. */
  events: readonly T[]
}>

/**
 * A read model of one row per event. The key is `[...key(event), partition, offset]`: applying an
 * event twice writes the same row.
 */
export type SeriesProjection<R extends Row = Any, T extends EventType = Any> = Common<T> &
  Readonly<{
    kind: 'series'
    key: (recorded: Named<T>) => readonly KeyPart[]
    row: (recorded: Named<T>) => R
  }>

export type Keys = readonly (readonly KeyPart[])[]

type Fold<State, T extends EventType> = Common<T> &
  Readonly<{
    /** Events that share one list object are cheaper to fold: see `keysBySymbol`. */
    keys: (recorded: Named<T>) => Keys
    initial: (key: readonly KeyPart[]) => State
    /** May change and return its state if `store` and `load` share no object with it. */
    evolve: (state: State, recorded: Named<T>) => State
  }>

type Stored<R extends Row, State> = Readonly<{
  /** A state's stored form, and the way back: `load(store(state))` equals `state`. */
  store: (state: State) => R
  load: (row: R) => State
}>

/**
 * A read model of folded rows. Its rows must depend on the set of events only, not on the borders
 * of batches or the order between partitions. Ties are therefore broken by position.
 */
export type StateProjection<
  R extends Row = Any,
  State = Any,
  T extends EventType = Any,
> = Readonly<{
  kind: 'state'
  /** How many keys one event has. A replay checks the counts of its rows with it. */
  rowsPerEvent: number
}> &
  Fold<State, T> &
  Stored<R, State>

/** A projection as readers of its rows see it: only the type of the rows matters. */
export type ReadModel<R extends Row> = SeriesProjection<R> | StateProjection<R>

export type Projection = ReadModel<Any>

/** A row of this projection. */
export type RowOf<P extends Projection> = P extends ReadModel<infer R> ? R : never

/** Infers the types of a projection in its own file; the registry holds it as a `Projection`. */
export const series = <R extends Row, T extends EventType>(
  projection: Omit<SeriesProjection<R, T>, 'kind'>,
): SeriesProjection<R, T> => ({ kind: 'series', ...projection })

/** Without `store` and `load`, the state is stored as it is. `rowsPerEvent` is 1 by default. */
export function state<R extends Row, State, T extends EventType>(
  projection: Fold<State, T> & Stored<R, State> & { rowsPerEvent?: number },
): StateProjection<R, State, T>
export function state<R extends Row, T extends EventType>(
  projection: Fold<Readonly<R>, T> & { rowsPerEvent?: number },
): StateProjection<Readonly<R>, Readonly<R>, T>
export function state(projection: Fold<Any, Any>): StateProjection {
  return { kind: 'state', rowsPerEvent: 1, store: identity, load: identity, ...projection }
}

const identity = <T>(value: T): T => value

type OfSymbol = RecordedEvent<Readonly<{ symbol: string; executedAt: UnixMs }>>

/**
 * The `keys` of a state whose rows are identified by symbol, or by symbol and span of time. Made
 * once for a symbol and a span. `start` is the first millisecond of the span.
 */
export function keysBySymbol(
  spanMs: number,
  keysOf: (symbol: string, start: UnixMs) => Keys,
): (recorded: OfSymbol) => Keys {
  const latest = new Map<string, Readonly<{ start: UnixMs; keys: Keys }>>()
  return ({ event: { symbol, executedAt } }) => {
    const start = executedAt - (executedAt % spanMs)
    const known = latest.get(symbol)
    if (known?.start === start) return known.keys
    if (latest.size === symbolsMax) latest.clear()
    const keys = keysOf(symbol, start)
    latest.set(symbol, { start, keys })
    return keys
  }
}

const symbolsMax = 10_000

/** Caches the latest answer of a pure function that several rows of an event call. */
export function rememberingLatest<A extends object, B>(
  compute: (argument: A) => B,
): (argument: A) => B {
  let latest: Readonly<{ argument: A; answer: B }> | undefined
  return (argument) => {
    if (latest?.argument !== argument) latest = { argument, answer: compute(argument) }
    return latest.answer
  }
}
