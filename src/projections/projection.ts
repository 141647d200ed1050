import type { EventType, TradelogEvent } from '../domain/event.ts'
import type { RecordedEvent } from '../domain/recorded-event.ts'
import type { UnixMs } from '../domain/time.ts'
import type { KeyPart } from '../read-model-store/key.ts'
import type { Row } from '../read-model-store/read-model-store.ts'

// biome-ignore lint/suspicious/noExplicitAny: a registry of models, each of events and rows of its own.
type Any = any
type EventsByType = { [Event in TradelogEvent as Event['type']]: Event }
type Named<T extends EventType> = RecordedEvent<EventsByType[T]>

type Common<T extends EventType> = Readonly<{
  /** The read model's name: in routes, commands, folders and collections. */
  name: string
  /** Raise it whenever the fold or the row's shape changes: a deploy then rebuilds the model. */
  version: number
  /** The event types it folds. Other known types are passed over. */
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
    /** Events that get the identical list are cheaper to fold: see `keysBySymbol`. */
    keys: (recorded: Named<T>) => Keys
    initial: (key: readonly KeyPart[]) => State
    /** May change the state it is given and answer it, if `store` and `load` share nothing with it. */
    evolve: (state: State, recorded: Named<T>) => State
  }>

type Stored<R extends Row, State> = Readonly<{
  /** The stored form of a state and the way back: `load(store(state))` equals `state`. */
  store: (state: State) => R
  load: (row: R) => State
}>

/**
 * A read model of folded rows. It has to be a function of the set of events: neither the borders
 * of batches nor the order between partitions may show, so ties are broken by position.
 */
export type StateProjection<
  R extends Row = Any,
  State = Any,
  T extends EventType = Any,
> = Readonly<{
  kind: 'state'
  /** How many keys one event has; the count of a generation's rows is checked with it. */
  rowsPerEvent: number
}> &
  Fold<State, T> &
  Stored<R, State>

/** A projection by the type of its rows: what their readers need to know of it. */
export type ReadModel<R extends Row> = SeriesProjection<R> | StateProjection<R>

export type Projection = ReadModel<Any>

/** A row of this projection. */
export type RowOf<P extends Projection> = P extends ReadModel<infer R> ? R : never

/** Types a projection where it is written; the registry then holds it as a `Projection`. */
export const series = <R extends Row, T extends EventType>(
  projection: Omit<SeriesProjection<R, T>, 'kind'>,
): SeriesProjection<R, T> => ({ kind: 'series', ...projection })

/** Without `store` and `load`, the state is stored as it is. An event has one key if nothing is said. */
export function state<R extends Row, State, T extends EventType>(
  projection: Fold<State, T> & Stored<R, State> & { rowsPerEvent?: number },
): StateProjection<R, State, T>
export function state<R extends Row, T extends EventType>(
  projection: Fold<Readonly<R>, T> & { rowsPerEvent?: number },
): StateProjection<Readonly<R>, Readonly<R>, T>
export function state(projection: Fold<Any, Any>): StateProjection {
  return { kind: 'state', rowsPerEvent: 1, store: itself, load: itself, ...projection }
}

const itself = <T>(value: T): T => value

type OfSymbol = RecordedEvent<Readonly<{ symbol: string; executedAt: UnixMs }>>

/**
 * The `keys` of a state whose rows are told apart by the symbol and, if at all, by the span of time
 * the event is in: made once for a symbol and a span. `start` is the first millisecond of the span.
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

/** A pure function that remembers its latest answer: what several rows of an event ask for. */
export function rememberingLatest<A extends object, B>(
  compute: (argument: A) => B,
): (argument: A) => B {
  let latest: Readonly<{ argument: A; answer: B }> | undefined
  return (argument) => {
    if (latest?.argument !== argument) latest = { argument, answer: compute(argument) }
    return latest.answer
  }
}
