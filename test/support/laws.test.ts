import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { TradelogEvent } from '../../src/domain/event.ts'
import { state } from '../../src/projections/projection.ts'
import { candles } from '../../src/projections/read-models/candles.ts'
import { symbols } from '../../src/projections/read-models/symbols.ts'
import { trades } from '../../src/projections/read-models/trades.ts'
import { laws, type MakeProjection, type Plan, property } from './laws.ts'
import { suite } from './suite.ts'

const test = suite('the laws of every read model')

/** A shrunk counter-example may have so many: fewer can't show the mistakes below. */
const shrunkTradesMax = 4

const broken = (mistake: string, law: keyof typeof laws, make: MakeProjection) =>
  test(`${mistake}: found by the law that ${law}`, async () => {
    const check = laws[law]
    assert.ok(check, `no law named ${law}`)
    const { failed, counterexample, errorInstance } = await fc.check(property(check, make, 40), {
      numRuns: 500,
      seed: 1,
    })
    assert.ok(failed, 'the mistake was not found')
    const log = counterexample?.[0].log ?? []
    process.stdout.write(`\n  ${mistake}:${shown(log)}\n    ${String(errorInstance)}\n`)
    assert.ok(log.length > 0)
    assert.ok(log.length <= shrunkTradesMax, `${log.length} trades are not a short example`)
  })

const shown = (log: Plan['log']): string =>
  log
    .map(({ partition, offset, event }) => `\n    ${partition}:${offset} ${textOf(event)}`)
    .join('')

function textOf(event: TradelogEvent): string {
  if (event.type === 'FeedInterrupted') return `${event.symbol} interrupted`
  const { symbol, price, volume, executedAt } = event
  return `${symbol} ${price} × ${volume} at ${new Date(executedAt).toISOString()}`
}

broken('a revision that counts calls of `store`', 'the borders of batches do not matter', () => {
  let revision = 0
  return { ...symbols, store: (row) => ({ ...row, revision: ++revision }) }
})

broken('rows numbered by arrival', 'redelivery does not matter', () => {
  let arrivals = 0
  return { ...trades, key: ({ event }) => [event.symbol, ++arrivals] }
})

broken('a trade count reset at restart', 'a crash at any point does not matter', () => ({
  ...candles,
  load: (row) => ({ ...candles.load(row), tradeCount: 0 }),
}))

broken('a close by arrival', 'the interleaving of partitions does not matter', () =>
  state({
    name: 'closes',
    version: 1,
    events: ['TradeExecuted'],
    keys: ({ event }) => [[event.symbol]],
    initial: () => ({ close: '' }),
    evolve: (_, { event }) => ({ close: event.price }),
  }),
)

broken('candles cut by the clock of the process', 'replayed equals live', () => {
  let minutes = 0
  return { ...candles, keys: ({ event }) => [[event.symbol, '1m', 60_000 * minutes++]] }
})

broken('trades of volume 0 ignored', 'the rows are those of the naive fold', () => ({
  ...candles,
  evolve: (candle, recorded) =>
    recorded.event.volume === '0' ? candle : candles.evolve(candle, recorded),
}))

broken('a key given twice', 'the counts of the rows are those of the events', () => ({
  ...symbols,
  rowsPerEvent: 2,
  keys: ({ event }) => [[event.symbol], [event.symbol]],
}))

test.run()
