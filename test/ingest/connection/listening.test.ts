import * as assert from 'uvu/assert'
import { trackListening } from '../../../src/ingest/connection/listening.ts'
import { suite } from '../../support/suite.ts'

const test = suite('listening')

const holdsAfterMs = 2_000

/** A tracker by a clock of ours; every step happens at the time that it names. */
function startTracking() {
  let clock = 0
  const told: (readonly unknown[])[] = []
  const pings: string[] = []
  const tracked = trackListening({
    now: () => clock,
    uptimeMs: () => clock,
    pingEveryMs: 60_000,
    holdsAfterMs,
    onListening: (since) => told.push(['listening', since]),
    onHeld: (since) => told.push(['held', since]),
    onLost: ({ from, reason, hadHeld }) => told.push(['lost', from, reason, hadHeld]),
  })
  const at =
    <A extends readonly unknown[]>(step: (...args: A) => void) =>
    (time: number, ...args: A) => {
      clock = time
      step(...args)
    }
  return {
    told,
    pings,
    heardUntil: tracked.heardUntil,
    stop: tracked.stop,
    opened: at(() => tracked.opened((text) => pings.push(text))),
    heard: at(() => {
      tracked.begins()
      tracked.heard()
    }),
    answered: at(tracked.answered),
    works: at(tracked.works),
    lost: at(tracked.lost),
  }
}

const withTracking = (body: (tracking: ReturnType<typeof startTracking>) => void) => () => {
  const tracking = startTracking()
  try {
    body(tracking)
  } finally {
    tracking.stop()
  }
}

test(
  'a feed is listened to from the first message or answer on, and not from the connection on',
  withTracking(({ opened, heard, told, heardUntil }) => {
    opened(100)
    assert.equal([told, heardUntil()], [[], null])
    heard(120)
    heard(130)
    assert.equal(told, [['listening', 120]])
  }),
)

test(
  'pings at once, so that a quiet market has an answer too',
  withTracking(({ opened, answered, pings, told }) => {
    opened(100)
    assert.equal(pings, ['100'])
    answered(115, '100')
    assert.equal(told, [['listening', 115]])
  }),
)

test(
  'a loss begins when the last answered ping was sent, though messages were read later',
  withTracking(({ opened, answered, heard, lost, told, heardUntil }) => {
    opened(100)
    heard(110)
    answered(111, '100')
    answered(1_102, '1100')
    // As after a hang: what had arrived is read late, then the end.
    heard(60_000)
    assert.is(heardUntil(), 1_100)
    lost(60_001, 'disconnected')
    assert.equal(told[1], ['lost', 1_100, 'disconnected', false])
  }),
)

test(
  'a loss begins with the last message, though pings were answered later',
  withTracking(({ opened, answered, heard, lost, told, heardUntil }) => {
    opened(100)
    heard(500)
    answered(30_002, '30000')
    assert.is(heardUntil(), 500)
    lost(31_000, 'silent')
    assert.equal(told[1], ['lost', 500, 'silent', false])
  }),
)

test(
  'connections that were never heard are no loss of their own, and show nothing',
  withTracking(({ opened, heard, lost, told, heardUntil }) => {
    opened(100)
    heard(200)
    lost(300, 'silent')
    lost(400, 'disconnected')
    opened(500)
    assert.is(heardUntil(), 100)
    lost(600, 'disconnected')
    opened(700)
    heard(800)
    assert.equal(told, [
      ['listening', 200],
      ['lost', 100, 'silent', false],
      ['listening', 800],
    ])
  }),
)

test(
  'a connection has held when the feed works long after it was opened, not when a proxy answers',
  withTracking(({ opened, heard, answered, works, lost, told }) => {
    opened(100)
    heard(200)
    works(200)
    answered(100 + holdsAfterMs, '100')
    works(99 + holdsAfterMs)
    assert.is(told.length, 1)
    works(100 + holdsAfterMs)
    works(101 + holdsAfterMs)
    lost(9_000, 'disconnected')
    assert.equal(told.slice(1), [
      ['held', 200],
      ['lost', 100, 'disconnected', true],
    ])
    opened(10_000)
    heard(10_100)
    works(10_100)
    lost(10_200, 'disconnected')
    assert.equal(told.at(-1), ['lost', 10_000, 'disconnected', false])
  }),
)

test(
  'an answer to what we never sent proves nothing',
  withTracking(({ opened, heard, answered, lost, told }) => {
    opened(100)
    for (const text of ['', 'x', '-5', '1e9', 'NaN']) answered(200, text)
    heard(5_000)
    lost(5_001, 'disconnected')
    assert.equal(told[1], ['lost', 100, 'disconnected', false])
  }),
)

test.run()
