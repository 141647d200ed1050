import { interruptions } from '../../../src/projections/read-models/interruptions.ts'
import { given } from '../../support/given.ts'
import { suite } from '../../support/suite.ts'
import { interruption, trade } from '../../support/trade.ts'

const test = suite('interruptions')

test('has a row for each with its span and its reason, by symbol and beginning', () => {
  given([
    interruption({ symbol: 'AAPL', from: 1_000, until: 5_000, reason: 'silent' }),
    interruption({ symbol: 'AMD', from: 1_000, until: 5_000 }),
    interruption({ symbol: 'AAPL', from: 6_000, until: 6_000 }),
  ])
    .when(interruptions)
    .thenKeys(['AAPL', 1_000, 0, 0], ['AMD', 1_000, 0, 1], ['AAPL', 6_000, 0, 2])
    .thenRow(['AAPL', 1_000, 0, 0], {
      symbol: 'AAPL',
      from: 1_000,
      until: 5_000,
      reason: 'silent',
      source: 'simulated',
    })
})

test('equal ones have two rows, trades have no row', () => {
  given([interruption({ until: 1_763_645_643_544 }), trade(), interruption()])
    .when(interruptions)
    .thenKeys(['AAPL', 1_763_645_583_544, 0, 0], ['AAPL', 1_763_645_583_544, 0, 2])
})

test('one that goes on has a row without an end, in front of the row that ends it', () => {
  given([
    interruption({ from: 0, until: 1_000, reason: 'not listened before' }),
    interruption({ from: 2_000, until: null }),
    interruption({ from: 2_000, until: 9_000 }),
  ])
    .when(interruptions)
    .thenKeys(['AAPL', 0, 0, 0], ['AAPL', 2_000, 0, 1], ['AAPL', 2_000, 0, 2])
    .thenRow(['AAPL', 2_000, 0, 1], {
      symbol: 'AAPL',
      from: 2_000,
      until: null,
      reason: 'disconnected',
      source: 'simulated',
    })
})

test.run()
