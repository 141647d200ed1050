import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { openKafkaEventStore } from '../../src/event-store/kafka/kafka-event-store.ts'
import { get } from '../support/api-client.ts'
import { eventually } from '../support/eventually.ts'
import { storeOptions } from '../support/kafka.ts'
import { faultRounds } from '../support/random.ts'
import { type ServerName, server, serversReason } from '../support/servers.ts'
import { storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import type { RunningTradelog, Settings } from '../support/tradelog.ts'
import {
  assertEveryRowOnce,
  complete,
  eachRound,
  logOf,
  oneRound,
  type Round,
  roundsTimeoutMs,
  startFlow,
  stopAll,
  verified,
} from './flow.ts'

const test = suite(`stores that go away on ${storePair.name}`)

type Fault = Readonly<{ name: ServerName; how: 'kill' | 'pause'; awayMs: number }>

/** A round takes every second fault, the next round the others. */
const faults: readonly Fault[] = [
  { name: 'kafka', how: 'kill', awayMs: 1_000 },
  { name: 'kafka', how: 'pause', awayMs: 12_000 },
  { name: 'mongo', how: 'pause', awayMs: 8_000 },
  { name: 'mongo', how: 'kill', awayMs: 5_000 },
]

const stores: readonly string[] = [storePair.eventStore, storePair.readModelStore]
const faultsHere = faults.filter(({ name }) => stores.includes(name === 'mongo' ? 'mongodb' : name))
const reason =
  faultsHere.length === 0 ? 'the embedded stores have no server that could go away' : serversReason

/** Restores the server even if the test fails: the tests after it need the servers. */
async function whileAway({ name, how }: Fault, work: () => Promise<void>): Promise<void> {
  await server(how, name)
  try {
    await work()
  } finally {
    await server(how === 'kill' ? 'up' : 'resume', name)
  }
}

/** Polls the API; every answer, also an error, has to be in the envelope. */
function poll(address: string) {
  const wrong: string[] = []
  const ask = async (): Promise<number> => {
    const answer = await get<unknown>(`${address}/api/v1/symbols`).catch(String)
    if (typeof answer === 'string') return wrong.push(answer)
    const { status, error, data } = answer
    const isEnveloped = status === 200 ? error === null : data === null && error !== null
    if (!isEnveloped || ![200, 503, 504].includes(status)) wrong.push(`${status} ${error?.code}`)
    return status
  }
  const answers = (status: number) =>
    eventually(async () => (await ask()) === status, { timeoutMs: 90_000, everyMs: 100 })
  return { ask, answers, wrong }
}

async function oneFault(fault: Fault, api: ReturnType<typeof poll>, awayMs: number) {
  await whileAway(fault, async () => {
    const end = Date.now() + awayMs
    if (fault.name === 'kafka') assert.is(await api.ask(), 200, 'the API needs no Kafka')
    else await api.answers(fault.how === 'kill' ? 503 : 504)
    await sleep(Math.max(0, end - Date.now()))
  })
  await api.answers(200)
}

const awayTitle = 'servers are killed, hang and come back while trades flow: nothing is lost'

async function awayRound({ random, seed, start }: Round) {
  const flow = await startFlow({ rows: 750, rowsPerSecond: 30, seed })
  const [ingest, project, api] = ['ingest', 'project', 'api'].map((role) =>
    start([role], flow.settings),
  ) as [RunningTradelog, RunningTradelog, RunningTradelog]
  const address = await api.address()
  const polled = poll(address)
  await polled.answers(200)
  const faultsNow = faultsHere.filter((_, at) => at % 2 === seed % 2)
  for (const fault of random() < 0.5 ? faultsNow : faultsNow.toReversed()) {
    await sleep(500 + random() * 2_000)
    await oneFault(fault, polled, fault.awayMs * (0.5 + random()))
  }
  await complete(address, flow)
  assert.equal(polled.wrong, [])
  await assertEveryRowOnce(address, flow.totals)
  await verified(flow.settings)
  await stopAll([ingest, project, api])
}

if (reason === undefined) {
  test(`${awayTitle}: ${faultRounds} rounds`, () => eachRound(awayRound), {
    timeoutMs: roundsTimeoutMs(240_000),
  })
} else {
  test.skip(awayTitle, reason)
}

const longAwayMs = faultRounds > 2 ? 60_000 : 10_000
const tradesPerSecond = 1_000
const bufferEventsMax = 5_000
const grownBytesMax = 100 * 1024 * 1024

/** Null if the system doesn't report it. */
function residentBytes({ process }: RunningTradelog): number | null {
  if (globalThis.process.platform !== 'linux') return null
  const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${process.pid}/status`, 'utf8')) ?? []
  return Number(kib) * 1024
}

/** Every row that the log holds, by its number in the file, in the order of the partitions. */
async function rowsInLog({ KAFKA__TOPIC = '' }: Settings): Promise<readonly number[]> {
  const log = await openKafkaEventStore({ ...storeOptions(KAFKA__TOPIC), partitions: 6 })
  const rows: number[] = []
  for (const { partition, head } of await log.heads()) {
    for await (const { events } of log.read({ partition, from: 0, to: head, batchEventsMax })) {
      for (const { event } of events) {
        if (event.type === 'TradeExecuted') rows.push(Number(event.source.split(':').at(-1)))
      }
    }
  }
  await log.close()
  return rows
}

const batchEventsMax = 1_000
const longTitle = `Kafka is away for ${longAwayMs / 1_000} s at ${tradesPerSecond} trades a second`

async function longAway({ seed, start }: Round) {
  const rows = tradesPerSecond * (longAwayMs / 1_000 + 5)
  const flow = await startFlow({ rows, rowsPerSecond: tradesPerSecond, seed })
  const settings = { ...flow.settings, INGEST__BUFFER_EVENTS_MAX: String(bufferEventsMax) }
  const ingest = start(['ingest'], settings)
  await eventually(() => logOf(ingest).some(({ msg }) => msg === 'feed connected'))
  await sleep(2_000)
  const before = residentBytes(ingest)
  await whileAway({ name: 'kafka', how: 'kill', awayMs: longAwayMs }, () => sleep(longAwayMs))
  const after = residentBytes(ingest)
  if (before !== null && after !== null) {
    process.stdout.write(`ingest grew by ${((after - before) / 2 ** 20).toFixed(1)} MiB\n`)
    assert.ok(after - before < grownBytesMax, `grew by ${after - before} bytes`)
  }
  const said = (msg: string) => logOf(ingest).some((entry) => entry.msg === msg)
  assert.ok(said('buffer full'), 'the socket is held back')
  await eventually(() => said('event store is back'), { timeoutMs: 60_000 })
  await eventually(async () => (await rowsInLog(settings)).length >= rows, {
    timeoutMs: 2 * longAwayMs + 60_000,
    everyMs: 1_000,
  })
  await stopAll([ingest])
  assert.is(logOf(ingest).findLast(({ dropped }) => dropped !== undefined)?.dropped, 0)
  const inLog = await rowsInLog(settings)
  assert.is(inLog.length, rows)
  assert.is(new Set(inLog).size, rows)
}

if (storePair.eventStore === 'kafka' && serversReason === undefined) {
  const limit = { timeoutMs: 4 * longAwayMs + 180_000 }
  test(`${longTitle}: the feed waits, nothing is dropped`, () => oneRound(longAway), limit)
} else {
  test.skip(longTitle, serversReason ?? 'there is no Kafka')
}

test.run()
