import { setTimeout as sleep } from 'node:timers/promises'
import { readModels } from '../../src/projections/read-models/index.ts'
import { eventually } from '../support/eventually.ts'
import { faultRounds } from '../support/random.ts'
import { storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import type { RunningTradelog } from '../support/tradelog.ts'
import {
  assertEveryRowOnce,
  complete,
  eachRound,
  halfTheRounds,
  logOf,
  roundsTimeoutMs,
  startFlow,
  stopAll,
  verified,
} from './flow.ts'

const test = suite(`processes that come and go on ${storePair.name}`)

/** Longer than a session of a consumer group (10 s) and a rebalance: others have taken over. */
const zombieMs = 12_000
const flowMs = 18_000
/** For an election or a rebalance, with all that a busy machine adds to it. */
const patienceMs = 90_000
const rowsPerSecond = 60

/** A place for a process of the project role; at times it is empty. */
type Place = { process: RunningTradelog | undefined }

/** Somebody joins an empty place; a process leaves in order, or is killed. */
async function comeOrGo(place: Place, random: () => number, join: () => RunningTradelog) {
  const { process } = place
  place.process = process === undefined ? join() : undefined
  await process?.kill(random() < 0.5 ? 'SIGTERM' : 'SIGKILL')
}

/** A process that hangs until others have its partitions, and then goes on with what it had. */
async function makeZombie({ process }: RunningTradelog): Promise<void> {
  process.kill('SIGSTOP')
  await sleep(zombieMs)
  process.kill('SIGCONT')
}

/** Three places, of which two change at random and one is made a zombie; in the end all are filled. */
async function churn(random: () => number, join: () => RunningTradelog) {
  const end = Date.now() + flowMs
  const hanging = join()
  const places: Place[] = [{ process: join() }, { process: join() }]
  await sleep(1_000 + random() * 3_000)
  const hung = makeZombie(hanging)
  while (Date.now() < end) {
    await comeOrGo(places[Math.floor(random() * places.length)] as Place, random, join)
    await sleep(200 + random() * 2_500)
  }
  await hung
  return [hanging, ...places.map(({ process }) => process ?? join())]
}

/** The partitions of a model that a process holds, by the last word of its log. */
const heldBy = (running: RunningTradelog, model: string): readonly number[] =>
  logOf(running).findLast(
    ({ component, msg }) => component === model && msg.startsWith('projecting partitions'),
  )?.partitions ?? []

const isSharedOut = (running: readonly RunningTradelog[]): boolean =>
  readModels.every(({ name }) => {
    const held = running.map((each) => heldBy(each, name))
    return held.every(({ length }) => length === 2) && new Set(held.flat()).size === 6
  })

const projecting = `three project processes join, leave, are killed and hang while trades flow`

if (storePair.name === 'kafka/mongodb') {
  test(
    `${projecting}: ${faultRounds} rounds`,
    () =>
      eachRound(async ({ random, seed, start }) => {
        const flow = await startFlow({
          rows: (flowMs / 1_000) * rowsPerSecond,
          rowsPerSecond,
          seed,
        })
        const api = start(['api'], flow.settings)
        const ingest = start(['ingest'], flow.settings)
        const running = await churn(random, () => start(['project'], flow.settings))
        const address = await api.address()
        await complete(address, flow)
        await eventually(() => isSharedOut(running), { timeoutMs: patienceMs })
        await assertEveryRowOnce(address, flow.totals)
        await verified(flow.settings)
        await stopAll([ingest, ...running, api])
      }),
    { timeoutMs: roundsTimeoutMs(150_000) },
  )
} else {
  test.skip(projecting, 'one process projects into embedded stores, others stand by')
}

const isActive = (running: RunningTradelog) =>
  logOf(running).findLast(({ component, state }) => component === 'ingest' && state !== undefined)
    ?.state === 'active'

/**
 * Who stops within a transaction of LMDB keeps all others out until it goes on or is killed, which
 * is nothing that others can end: there it goes on for a moment, and stops again.
 */
async function hangUntilReplaced(
  active: RunningTradelog,
  standBy: RunningTradelog,
  random: () => number,
) {
  const attempts = storePair.eventStore === 'embedded' ? 9 : 1
  for (let left = attempts; ; left--) {
    active.process.kill('SIGSTOP')
    try {
      await eventually(() => isActive(standBy), { timeoutMs: patienceMs / attempts })
      return
    } catch (error) {
      if (left === 1) throw error
      active.process.kill('SIGCONT')
      await sleep(random() * 100)
    }
  }
}

test(
  `of two ingest processes one is active; the other takes over when it dies or hangs: ${halfTheRounds} rounds`,
  () =>
    eachRound(async ({ random, seed, start }) => {
      const flow = await startFlow({ rows: 1_200, rowsPerSecond: 150, seed })
      const api = start(['api'], flow.settings)
      const project = start(['project'], flow.settings)
      const first = start(['ingest'], flow.settings)
      await eventually(() => isActive(first))
      const second = start(['ingest'], flow.settings)
      await sleep(1_000 + random() * 3_000)
      if (isActive(second)) throw new Error('both are active')
      await hangUntilReplaced(first, second, random)
      first.process.kill('SIGCONT')
      await eventually(() => !isActive(first))
      await sleep(random() * 2_000)
      await second.kill('SIGKILL')
      await eventually(() => isActive(first), { timeoutMs: patienceMs })
      const address = await api.address()
      await complete(address, flow)
      await assertEveryRowOnce(address, flow.totals)
      await stopAll([first, project, api])
      await verified(flow.settings)
    }, halfTheRounds),
  { timeoutMs: roundsTimeoutMs(150_000) },
)

test.run()
