import * as assert from 'uvu/assert'
import { type EventStream, openEventStream } from '../../support/event-stream.ts'
import { eventually } from '../../support/eventually.ts'
import {
  firstListened,
  reportFeed,
  reportKnownUntil,
  reportProjectors,
} from '../../support/listening.ts'
import { openMemoryReadModelStore } from '../../support/memory-read-model-store.ts'
import { startTestApi } from '../../support/read-api.ts'
import { suite } from '../../support/suite.ts'
import { interruption, trade } from '../../support/trade.ts'

const test = suite('completeness of candles in the stream')

const secondMs = 1_000
const path = '/api/v1/stream?interval=1m'

/** 2026-02-03, by hour, minute and second. */
const at = (hour: number, minute: number, second = 0) => Date.UTC(2026, 1, 3, hour, minute, second)

/** An API at 16:29:20 of a clock that stands still; the symbol was heard until then. */
async function given() {
  const clock = { now: at(16, 29, 20) }
  const openStore = async () => openMemoryReadModelStore({ now: () => clock.now })
  const api = await startTestApi({ now: () => clock.now, openStore })
  await reportKnownUntil(api.store, clock.now)
  await api.record([firstListened('AAPL', at(0, 0)), trade({ executedAt: at(16, 29, 10) })])
  const stream = await openEventStream({ port: api.api.port, path })
  await shows(stream, ['16:29 true'])
  return Object.assign(clock, api, { stream })
}

const shown = (stream: EventStream): readonly string[] =>
  stream.of('candle').map(({ start, complete }) => `${start.slice(11, 16)} ${complete}`)

/** Waits until the stream has sent so many candles, and compares them. */
async function shows(stream: EventStream, expected: readonly string[]): Promise<void> {
  await eventually(() => shown(stream).length >= expected.length)
  assert.equal(shown(stream), expected)
}

test('the open candle is sent as incomplete while the feed is away, without an event', async () => {
  const api = await given()
  api.now = at(16, 29, 25)
  await reportProjectors(api.store, api.now)
  const from = at(16, 29, 19)
  const interrupted = { reason: 'disconnected', from, until: null }
  const away = { state: 'disconnected', heardUntil: from, interruption: interrupted } as const
  await reportFeed(api.store, away)
  await shows(api.stream, ['16:29 true', '16:29 false'])
  api.stream.close()
  await api.close()
})

test('it is incomplete when a killed ingest has been silent for 10 s, until it is back', async () => {
  const api = await given()
  api.now += 11 * secondMs
  await reportProjectors(api.store, api.now)
  await shows(api.stream, ['16:29 true', '16:29 false'])
  api.now += secondMs
  await reportKnownUntil(api.store, api.now)
  await shows(api.stream, ['16:29 true', '16:29 false', '16:29 true'])
  api.stream.close()
  await api.close()
})

test('it is incomplete when the project role has been silent for 10 s', async () => {
  const api = await given()
  api.now += 11 * secondMs
  await reportFeed(api.store, { heardUntil: api.now })
  await shows(api.stream, ['16:29 true', '16:29 false'])
  api.stream.close()
  await api.close()
})

test('a candle after an interruption is sent as complete when its end is recorded', async () => {
  const api = await given()
  const from = at(16, 29, 30)
  await api.record([interruption({ from, until: null })])
  await shows(api.stream, ['16:29 true', '16:29 false'])
  api.now = at(16, 31, 5)
  await reportKnownUntil(api.store, api.now)
  await api.record([trade({ executedAt: at(16, 31, 1) })])
  await shows(api.stream, ['16:29 true', '16:29 false', '16:31 false'])
  await api.record([interruption({ from, until: at(16, 30, 50) })])
  await shows(api.stream, ['16:29 true', '16:29 false', '16:31 false', '16:31 true'])
  api.stream.close()
  await api.close()
})

test('a resumed stream begins with the open candles as they are by now', async () => {
  const api = await given()
  const id = await eventually(() => api.stream.ids.find((each) => each.startsWith('0:1:')))
  api.stream.close()
  api.now += 11 * secondMs
  await reportProjectors(api.store, api.now)
  const headers = { 'Last-Event-ID': id }
  const resumed = await openEventStream({ port: api.api.port, path, headers })
  await shows(resumed, ['16:29 false'])
  assert.equal(resumed.of('tick'), [])
  resumed.close()
  await api.close()
})

test.run()
