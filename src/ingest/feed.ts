import type { UnixMs } from '../domain/time.ts'
import type { TradeExecuted } from '../domain/trade-executed.ts'
import type { FeedSection } from '../runtime/config/config.ts'

/** Why a message (`message_…`), or a trade in it, isn't taken. */
export type RejectReason =
  | 'message_too_large'
  | 'message_not_utf8'
  | 'message_not_json'
  | 'message_nested_too_deeply'
  | 'message_not_an_object'
  | 'message_of_unknown_type'
  | 'trades_not_a_list'
  | 'trade_not_an_object'
  | 'invalid_symbol'
  | 'invalid_price'
  | 'price_too_long'
  | 'invalid_volume'
  | 'volume_too_long'
  | 'time_not_an_integer'
  | 'time_before_2000'
  | 'time_in_the_future'
  | 'invalid_conditions'
  | 'conditions_too_long'
  | 'invalid_row'

export type Reject = Readonly<{
  reason: RejectReason
  /** What was rejected, whole: an entry as JSON, a message as it came. */
  text: string
  /** The symbol it is of; null if that isn't known: then it may be of any symbol of the feed. */
  symbol: string | null
  /** The time it says; null if it says none that could be one. */
  executedAt: UnixMs | null
}>

/** Why one entry isn't taken, without its text. */
export type Refusal = Omit<Reject, 'text'>

/** What one message of a feed says. */
export type FeedMessage = Readonly<{
  /**
   * Only a `trade` message with a trade in it and a `ping` show that the feed works. `end`: the
   * last row of a file has been sent.
   */
  kind: 'trade' | 'ping' | 'error' | 'end' | 'other'
  /** In the order of the message. */
  trades: readonly TradeExecuted[]
  rejected: readonly Reject[]
  /** What the feed says is wrong, if the kind is `error`. */
  error?: string
}>

/**
 * How to talk to one kind of feed: where it is, what to send, and what its messages mean. It holds
 * no connection and no state, so any protocol runs on the one `connection/feed-socket.ts`.
 */
export type FeedProtocol = Readonly<{
  /** `ws:` or `wss:`, with the token if there is one: its query and password are never logged. */
  url: string
  /**
   * The feed sends something at least this often: after 2.5 silent periods it is dead, and after
   * two good ones the connection has held.
   */
  pingEveryMs: number
  /** The frames that subscribe to symbols: sent on every new connection, at once. */
  subscribe: (symbols: readonly string[]) => readonly string[]
  /** The frames that end subscriptions. */
  unsubscribe: (symbols: readonly string[]) => readonly string[]
  /** Never throws: what can't be taken is among the rejects, each entry judged alone. */
  parse: (message: Buffer, now: UnixMs) => FeedMessage
  /**
   * A message with these trades, a list in JSON, so that rejects can be parsed again. Without it
   * the text of a reject is taken for a message.
   */
  messageOf?: (trades: string) => string
}>

/** A kind of feed that the settings may name. */
export type LiveFeed = Readonly<{
  /** What all its symbols begin with, such as `BINANCE:`; a feed without a prefix takes any. */
  symbolPrefix?: string
  protocol: (section: FeedSection) => FeedProtocol
}>

/** A feed that ingest listens to, and for which symbols. */
export type FeedSettings = Readonly<{
  /** The feed's name, which its events carry as `source`. */
  source: string
  protocol: FeedProtocol
  symbols: readonly string[]
  /** Plays a file from its first row to each connection: nothing is missed between two of them. */
  isRecorded: boolean
}>

/** What is known of a feed now. */
export type FeedCondition = Readonly<{
  /** `played`: every row of the file has come. */
  state: 'connecting' | 'connected' | 'disconnected' | 'played'
  /** Since when the state and the problem are these. */
  since: UnixMs
  /** What is wrong with it, and what to do; null if nothing is known to be wrong. */
  problem: string | null
  /** All that the feed sent before this is in the log; null if it was never heard. */
  heardUntil: UnixMs | null
  /** When the latest trade came. */
  lastTradeAt: UnixMs | null
  /** The latest one of all symbols; it may not be in the log yet. Without end while it goes on. */
  interruption: Readonly<{ from: UnixMs; until: UnixMs | null; reason: string }> | null
}>

/** A connection to a feed that is kept up until it is closed. */
export type Feed = Readonly<{
  /**
   * Stops reading, so that the feed has to wait. Messages that were read with the one before may
   * still come. Silence is no sign of a dead connection meanwhile.
   */
  pause: () => void
  resume: () => void
  condition: () => FeedCondition
  close: () => Promise<void>
}>
