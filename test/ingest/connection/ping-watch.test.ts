import { setImmediate as nextTurn } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { createPingWatch } from '../../../src/ingest/connection/ping-watch.ts'
import { suite } from '../../support/suite.ts'

const test = suite('ping watch')

/** A watch that no timer ends: only pings count. */
async function withWatch(
  body: (
    watch: ReturnType<typeof createPingWatch> & {
      deaths: readonly string[]
      ping: (times: number) => Promise<void>
    },
  ) => Promise<void>,
) {
  const deaths: string[] = []
  const watch = createPingWatch(60_000, (reason) => deaths.push(reason))
  const ping = async (times: number) => {
    for (let i = 0; i < times; i++) {
      watch.pinged()
      await nextTurn()
    }
  }
  watch.start()
  try {
    await body({ ...watch, deaths, ping })
  } finally {
    watch.stop()
  }
}

test('ten pings in a row without an answer are too many, once the tenth has had its time', () =>
  withWatch(async ({ ping, deaths }) => {
    await ping(10)
    assert.equal(deaths, [])
    await ping(1)
    assert.equal(deaths, ['10 pings in a row were not answered'])
  }))

test('an answer to any of them begins the count anew', () =>
  withWatch(async ({ ping, answered, deaths }) => {
    for (let i = 0; i < 5; i++) {
      await ping(10)
      answered()
    }
    assert.equal(deaths, [])
    await ping(11)
    assert.is(deaths.length, 1)
  }))

test('what has arrived before the judgement is read first', () =>
  withWatch(async ({ pinged, ping, answered, deaths }) => {
    await ping(10)
    pinged()
    answered()
    await nextTurn()
    assert.equal(deaths, [])
  }))

test('a feed that answers no ping but talks is not dead for its missing answers', () =>
  withWatch(async ({ ping, alive, deaths }) => {
    await ping(9)
    alive()
    await ping(100)
    assert.equal(deaths, [])
  }))

test('a feed that has answered before is dead when it answers no more, though it talked', () =>
  withWatch(async ({ ping, alive, answered, deaths }) => {
    await ping(5)
    answered()
    alive()
    await ping(11)
    assert.is(deaths.length, 1)
  }))

test('while nobody reads, no answer means nothing', () =>
  withWatch(async ({ ping, suspend, resume, answered, deaths }) => {
    suspend()
    await ping(50)
    resume()
    await ping(10)
    assert.equal(deaths, [])
    answered()
    await ping(11)
    assert.is(deaths.length, 1)
  }))

test('a new connection has a new count', () =>
  withWatch(async ({ ping, start, deaths }) => {
    await ping(10)
    start()
    await ping(10)
    assert.equal(deaths, [])
  }))

test.run()
