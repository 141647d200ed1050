import * as assert from 'uvu/assert'
import { mixesFeeds } from '../../src/ingest/mixed-feeds.ts'
import { eventStoreDouble } from '../support/event-store-double.ts'
import { suite } from '../support/suite.ts'
import { trade } from '../support/trade.ts'

const test = suite('mixed feeds')

const { signal } = new AbortController()
async function endingWith(source: string) {
  const store = eventStoreDouble()
  await store.append([trade({ symbol: 'MSFT', source: 'simulated' }), trade({ source: 'finnhub' })])
  await store.append(['AAPL', 'MSFT', 'NVDA'].map((symbol) => trade({ symbol, source })))
  return store
}

test('are simulated trades beside any others', async () => {
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

test('are none in an empty log', async () => {
  assert.is(await mixesFeeds(eventStoreDouble(), 'simulated', signal), false)
})

test.run()
