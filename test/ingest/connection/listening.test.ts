import * as assert from 'uvu/assert'
import { type Interruption, trackListening } from '../../../src/ingest/connection/listening.ts'
import { suite } from '../../support/suite.ts'

const test = suite('listening')

/** A tracker by a clock of ours; every step happens at the time that it names. */
function startTracking() {
  let clock = 0
  const since: number[] = []
  const gaps: (Interruption | undefined)[] = []
  const pings: string[] = []
  const tracked = trackListening({
    now: () => clock,
    pingEveryMs: 60_000,
    onListening: (until, gap) => {
      since.push(until)
      gaps.push(gap)
    },
  })
  const at =
    <A extends readonly unknown[]>(step: (...args: A) => void) =>
    (time: number, ...args: A) => {
      clock = time
      step(...args)
    }
  return {
    since,
    gaps,
    pings,
    opened: at(() => tracked.opened((text) => pings.push(text))),
    heard: at(tracked.heard),
    answered: at(tracked.answered),
    lost: at(tracked.lost),
  }
}

const withTracking = (body: (tracking: ReturnType<typeof startTracking>) => void) => () => {
  const tracking = startTracking()
  try {
    body(tracking)
  } finally {
    tracking.lost(99_999, 'disconnected')
  }
}

test(
  'a feed is listened to from the first message or answer on, and not from the connection on',
  withTracking(({ opened, heard, since, gaps }) => {
    opened(100)
    assert.equal(since, [])
    heard(120)
    heard(130)
    assert.equal([since, gaps], [[120], [undefined]])
  }),
)

test(
  'pings at once, so that a quiet market has an answer too',
  withTracking(({ opened, answered, pings, since }) => {
    opened(100)
    assert.equal(pings, ['100'])
    answered(115, '100')
    assert.equal(since, [115])
  }),
)

test(
  'a gap begins when the last answered ping was sent, though messages were read later',
  withTracking(({ opened, answered, heard, lost, gaps }) => {
    opened(100)
    heard(110)
    answered(111, '100')
    answered(1_102, '1100')
    // As after a hang: what had arrived is read late, then the end.
    heard(60_000)
    lost(60_001, 'disconnected')
    opened(60_100)
    heard(60_200)
    assert.equal(gaps[1], { from: 1_100, until: 60_200, reason: 'disconnected' })
  }),
)

test(
  'a gap begins with the last message, though pings were answered later',
  withTracking(({ opened, answered, heard, lost, gaps }) => {
    opened(100)
    heard(500)
    answered(30_002, '30000')
    lost(31_000, 'silent')
    opened(31_100)
    answered(31_200, '31100')
    assert.equal(gaps[1], { from: 500, until: 31_200, reason: 'silent' })
  }),
)

test(
  'connections that were never heard belong to the gap',
  withTracking(({ opened, heard, lost, gaps, since }) => {
    opened(100)
    heard(200)
    lost(300, 'silent')
    lost(400, 'disconnected')
    opened(500)
    lost(600, 'disconnected')
    opened(700)
    heard(800)
    assert.equal(since, [200, 800])
    assert.equal(gaps[1], { from: 100, until: 800, reason: 'silent' })
  }),
)

test(
  'a clock that was set back makes no span that ends before it begins',
  withTracking(({ opened, heard, answered, lost, gaps }) => {
    opened(5_000)
    heard(5_100)
    answered(5_200, '5150')
    lost(5_300, 'disconnected')
    opened(1_000)
    heard(1_100)
    assert.equal(gaps[1], { from: 1_100, until: 1_100, reason: 'disconnected' })
  }),
)

test(
  'an answer to what we never sent proves nothing',
  withTracking(({ opened, heard, answered, lost, gaps }) => {
    opened(100)
    for (const text of ['', 'x', '-5', '1e9', 'NaN']) answered(200, text)
    heard(5_000)
    lost(5_001, 'disconnected')
    opened(6_000)
    heard(6_100)
    assert.equal(gaps[1]?.from, 100)
  }),
)

test.run()
