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
/** How long an election or a rebalance may take on a busy machine. */
const settleMsMax = 90_000
const rowsPerSecond = 60

/** A slot for a process of the project role; at times it is empty. */
type Slot = { process: RunningTradelog | undefined }

/** Starts a process in an empty slot; stops or kills the process in a full one. */
async function comeOrGo(slot: Slot, random: () => number, join: () => RunningTradelog) {
  const { process } = slot
  slot.process = process === undefined ? join() : undefined
  await process?.kill(random() < 0.5 ? 'SIGTERM' : 'SIGKILL')
}

/** Makes a process hang until others have its partitions, and then continue with its old state. */
async function makeZombie({ process }: RunningTradelog): Promise<void> {
  process.kill('SIGSTOP')
  await sleep(zombieMs)
  process.kill('SIGCONT')
}

/** Three slots: two change at random, the third gets a zombie; in the end all are full. */
async function churn(random: () => number, join: () => RunningTradelog) {
  const end = Date.now() + flowMs
  const hanging = join()
  const slots: Slot[] = [{ process: join() }, { process: join() }]
  await sleep(1_000 + random() * 3_000)
  const hung = makeZombie(hanging)
  while (Date.now() < end) {
    await comeOrGo(slots[Math.floor(random() * slots.length)] as Slot, random, join)
    await sleep(200 + random() * 2_500)
  }
  await hung
  return [hanging, ...slots.map(({ process }) => process ?? join())]
}

/** The partitions of a model that a process holds, by its latest log entry about them. */
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
        await eventually(() => isSharedOut(running), { timeoutMs: settleMsMax })
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
 * A process stopped within a transaction of LMDB keeps all others out until it continues or is
 * killed. Others can't end that, so here it continues for a moment and is stopped again.
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
      await eventually(() => isActive(standBy), { timeoutMs: settleMsMax / attempts })
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
      await eventually(() => isActive(first), { timeoutMs: settleMsMax })
      const address = await api.address()
      await complete(address, flow)
      await assertEveryRowOnce(address, flow.totals)
      await stopAll([first, project, api])
      await verified(flow.settings)
    }, halfTheRounds),
  { timeoutMs: roundsTimeoutMs(150_000) },
)

test.run()
