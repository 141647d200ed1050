import * as assert from 'uvu/assert'
import type { TradelogEvent } from '../../../src/domain/event.ts'
import type { LogRecord } from '../../../src/domain/recorded-event.ts'
import { evidenceOf, mixesFeeds } from '../../../src/ingest/interruptions/log-evidence.ts'
import { eventStoreDouble } from '../../support/event-store-double.ts'
import { suite } from '../../support/suite.ts'
import { interruption, trade } from '../../support/trade.ts'

const test = suite('what the log tells of the time before')

type Recorded = readonly [recordedAt: number, event: TradelogEvent]

/** A log of these partitions, and how many events were read of it. */
function logOf(...partitions: readonly (readonly Recorded[])[]) {
  let read = 0
  const records = partitions.map((events, partition) =>
    events.map(([recordedAt, event], offset): LogRecord => {
      return { partition, offset, recordedAt, event }
    }),
  )
  return {
    eventsRead: () => read,
    heads: async () =>
      records.map(({ length }, partition) => {
        return { partition, start: 0, head: length, origin: 'log' }
      }),
    read: async function* ({
      partition,
      from,
      to,
    }: {
      partition: number
      from: number
      to: number
    }) {
      const events = records[partition]?.slice(from, to) ?? []
      read += events.length
      yield { partition, from, to, events }
    },
  }
}

const { signal } = new AbortController()
const heardIn = async (log: ReturnType<typeof logOf>) =>
  (await evidenceOf(log, 'simulated', signal)).heardUntil
const heard = (...partitions: readonly (readonly Recorded[])[]) => heardIn(logOf(...partitions))
const tradeAt = (executedAt: number) => trade({ executedAt })

test('an empty log shows nothing', async () => {
  assert.is(await heard(), undefined)
  assert.is(await heard([], []), undefined)
})

test('the newest event of all partitions counts: a quiet symbol was heard as well', async () => {
  const busy = [
    [1_000, tradeAt(990)],
    [1_100, tradeAt(1_090)],
  ] as const
  assert.is(await heard(busy, [[500, tradeAt(490)]]), 990)
})

test('what waited before it was recorded counts by the time of the trade', async () => {
  assert.is(await heard([[60_000, tradeAt(1_000)]]), 1_000)
})

test('a trade ahead of our clock counts by the time at which it was recorded', async () => {
  assert.is(await heard([[1_000, tradeAt(31_000)]]), 1_000)
})

test('of the last append only the earliest is believed, or none if a partition may lack a part', async () => {
  const before = [[900, tradeAt(890)]] as const
  const there = [
    [60_000, tradeAt(30_000)],
    [60_000, tradeAt(59_000)],
  ] as const
  assert.is(await heard([...before, ...there]), 30_000)
  assert.is(await heard(before, there), 890)
  assert.is(await heard([], there), 30_000)
})

test('one very late trade in the last append does not make the gap long', async () => {
  const last = [
    [2_000, tradeAt(5)],
    [2_000, tradeAt(1_990)],
  ] as const
  assert.is(await heard([[1_000, tradeAt(995)], ...last], [[900, tradeAt(890)]]), 995)
})

test('an interruption shows only what was before it: others of it may be missing', async () => {
  const cut = [
    [1_000, tradeAt(995)],
    [5_000, interruption({ from: 995, until: 5_000 })],
  ] as const
  assert.is(await heard(cut, [[900, tradeAt(890)]]), 995)
  const twice = [[9_000, interruption({ from: 8_000, until: 9_000 })]] as const
  assert.is(await heard([...cut, ...twice]), 8_000)
  assert.is(await heard([...cut, ...twice], [[5_000, interruption({ from: 995 })]]), 995)
})

test('a trade behind an interruption shows that all of it is there', async () => {
  const log = [
    [5_000, interruption({ from: 995, until: 5_000 })],
    [6_000, tradeAt(5_990)],
  ] as const
  assert.is(await heard(log), 5_990)
})

test('what another feed sent, or a file was played for, counts only if this one sent nothing', async () => {
  const others = [
    [9_000, trade({ executedAt: 5, source: 'file:ab:7' })],
    [9_500, trade({ executedAt: 9_400, source: 'finnhub' })],
    [9_600, interruption({ from: 9_550, until: 9_600, source: 'finnhub' })],
  ] as const
  assert.is(await heard(others), 9_550)
  assert.is(await heard([[60_000, trade({ executedAt: 5, source: 'file:ab:7' })]]), 5)
  assert.is(await heard([[1_000, tradeAt(990)], ...others], [[500, tradeAt(490)]]), 490)
})

test('a long file behind the last trade is read through, once, and no further than it tells', async () => {
  const file = Array.from(
    { length: 200_000 },
    (_, i) => [5_000 + i, trade({ source: `file:ab:${i}` })] as const,
  )
  const own = Array.from({ length: 50_000 }, (_, i) => [i / 20, tradeAt(i / 20)] as const)
  const log = logOf([...own, ...file], [...own.slice(0, 40_000), ...file])
  assert.is(await heardIn(log), 49_998 / 20)
  assert.ok(log.eventsRead() < 2 * 270_000, `${log.eventsRead()}`)
})

test('only the end of a long log is read, but a long append wholly', async () => {
  const many = Array.from({ length: 50_000 }, (_, i) => [i * 100, tradeAt(i * 100)] as const)
  const log = logOf(many, many)
  assert.is(await heardIn(log), 4_999_800)
  assert.is(log.eventsRead(), 2_000)
  const append = Array.from({ length: 5_000 }, (_, i) => [6e6, tradeAt(5e6 + i)] as const)
  assert.is(await heard([...many, ...append]), 5e6)
})

test('says until when each symbol was interrupted, by whatever feed, after this one was heard', async () => {
  const log = logOf(
    [
      [20_000, interruption({ from: 10_000, until: 20_000 })],
      [90_000, tradeAt(30_000)],
      [91_000, interruption({ from: 85_000, until: null })],
      [92_000, interruption({ from: 80_000, until: null })],
    ],
    [[92_500, interruption({ symbol: 'MSFT', from: 1, until: 92_400, source: 'finnhub' })]],
  )
  const { heardUntil, interruptedUntil } = await evidenceOf(log, 'simulated', signal)
  assert.is(heardUntil, 85_000)
  assert.equal(Object.fromEntries(interruptedUntil), { AAPL: 85_000, MSFT: 92_400 })
})

async function endingWith(source: string) {
  const store = eventStoreDouble()
  await store.append([trade({ symbol: 'MSFT', source: 'simulated' }), trade({ source: 'finnhub' })])
  await store.append(['AAPL', 'MSFT', 'NVDA'].map((symbol) => trade({ symbol, source })))
  return store
}

test('simulated trades are mixed with any others', async () => {
  const file = 'file:ab:1'
  for (const [there, next, mixed] of [
    ['simulated', 'simulated', false],
    ['simulated', 'finnhub', true],
    ['simulated', 'file', true],
    ['finnhub', 'finnhub', false],
    ['finnhub', 'simulated', true],
    ['finnhub', 'file', false],
    [file, 'finnhub', false],
    [file, 'simulated', true],
  ] as const) {
    assert.is(await mixesFeeds(await endingWith(there), next, signal), mixed, `${there}, ${next}`)
  }
})

test('an empty log mixes nothing', async () => {
  assert.is(await mixesFeeds(eventStoreDouble(), 'simulated', signal), false)
})

test.run()
