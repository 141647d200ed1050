import type { RouterMiddleware } from '@koa/router'
import { TradelogError } from '../../domain/errors.ts'
import { isSymbol } from '../../domain/symbol.ts'
import { intervals } from '../http/intervals.ts'
import { type Fault, parameters, queryCheck } from '../http/query.ts'
import { refusal, refusals, type StreamRoute } from '../http/route.ts'
import { object, oneOf, type Parameter, type Schema, text } from '../http/schema.ts'
import { candleFields } from '../read-models/candle.ts'
import { tickSchema } from '../read-models/tick.ts'
import type { CandleReaders } from './candles.ts'
import { type StreamLimits, streamClient } from './client.ts'
import { streamPoller } from './poller.ts'
import { parsePositions } from './positions.ts'

export type StreamOptions = StreamLimits &
  Readonly<{
    /** A client beyond it is answered with `TOO_MANY_STREAMS`. */
    clientsMax: number
    pollEveryMs: number
    pollMsMax: number
  }>

const defaults: Omit<StreamOptions, 'pollMsMax' | 'clientsMax'> = {
  pollEveryMs: 100,
  heartbeatEveryMs: 15_000,
  bufferBytesMax: 256 * 1_024,
  slowMsMax: 10_000,
  byeMsMax: 1_000,
}

/** The live stream, and the poller that feeds its clients. */
export function openStreams({
  reader,
  readReports,
  ...given
}: Pick<StreamOptions, 'pollMsMax' | 'clientsMax'> & Partial<StreamOptions> & CandleReaders) {
  const options = { ...defaults, ...given }
  const poller = streamPoller({ reader, readReports, ...options })
  const open: RouterMiddleware = (ctx) => {
    const wish = wishOf(ctx.query)
    if (poller.clients() >= options.clientsMax) throw tooMany
    ctx.set(headers)
    ctx.status = 200
    if (ctx.method === 'HEAD') return
    // From here on the stream client writes the response, not Koa.
    ctx.respond = false
    const resumeFrom = parsePositions(ctx.get('Last-Event-ID'))
    const client = streamClient({ response: ctx.res, ...wish, resumeFrom, limits: options })
    ctx.res.once('close', () => poller.unsubscribe(client))
    ctx.res.write(`retry: ${retryMs}\n\n`)
    poller.subscribe(client)
  }
  const { clientsMax } = options
  return {
    route: { ...description, open },
    clients: poller.clients,
    clientsMax,
    close: poller.close,
  }
}

/** How long a browser waits before it connects again. */
const retryMs = 1_000

const headers = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  // Otherwise proxies buffer the events.
  'X-Accel-Buffering': 'no',
}

const tooMany = new TradelogError('TOO_MANY_STREAMS', 'too many streams are open; try again later')

const inQuery = (name: string, schema: Schema): Parameter => ({
  name,
  in: 'query',
  required: false,
  schema,
})

const description: Omit<StreamRoute, 'open'> = {
  path: '/api/v1/stream',
  summary:
    'Live ticks, and open candles if an interval is given, as server-sent events: first all of ' +
    'them, then what has changed, at most ten times a second for each symbol',
  parameters: [
    inQuery('symbols', parameters.symbols.schema),
    inQuery('interval', {
      type: 'string',
      enum: intervals,
      description: 'The length of the open candles to send; without it only ticks are sent',
    }),
    {
      name: 'Last-Event-ID',
      in: 'header',
      required: false,
      schema: text('The last `id` received; only what is newer is sent'),
    },
  ],
  events: {
    tick: tickSchema,
    candle: object({
      symbol: text('As the feed names it'),
      interval: oneOf(intervals, 'The length of the candle'),
      ...candleFields,
    }),
    bye: object({ reason: oneOf(['too slow', 'shutting down'], 'Why the stream ends') }),
  },
  failures: [
    'INVALID_SYMBOL',
    'INVALID_INTERVAL',
    'INVALID_QUERY',
    'TOO_MANY_STREAMS',
    ...refusals,
  ],
}

const check = queryCheck(['symbols', 'interval'])

function wishOf(query: Parameters<typeof check>[0]) {
  const faults: Fault[] = []
  const values = check(query, faults)
  const symbols = values?.symbols === undefined ? undefined : symbolsOf(values.symbols, faults)
  if (values === undefined || faults.length > 0) throw refusal(faults)
  // If the query has no interval, the check gives the default, which is for pages of candles.
  return { symbols, interval: query.interval === undefined ? undefined : values.interval }
}

/** What a person or a program puts around a list. */
const wrapped = /^(".*"|'.*'|\[.*\])$/s

function symbolsOf(list: string, faults: Fault[]): ReadonlySet<string> {
  const symbols = list.split(',')
  if (symbols.some((symbol) => symbol !== symbol.trim()) || wrapped.test(list)) {
    const message = 'must be symbols with commas alone between them, without blanks or quotes'
    faults.push({ code: 'INVALID_SYMBOL', part: 'symbols', message })
  }
  // The query parser has turned invalid UTF-8 into U+FFFD.
  const wrong = symbols.find((symbol) => !isSymbol(symbol) || symbol.includes('\ufffd'))
  if (wrong !== undefined) {
    const message = `has an entry that is not a symbol: ${JSON.stringify(wrong.slice(0, 64))}`
    faults.push({ code: 'INVALID_SYMBOL', part: 'symbols', message })
  }
  return new Set(symbols)
}
