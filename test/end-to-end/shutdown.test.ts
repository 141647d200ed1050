import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import { faultRounds } from '../support/random.ts'
import { storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import {
  complete,
  eachRound,
  type Flow,
  halfTheRounds,
  logOf,
  roundsTimeoutMs,
  spoke,
  startFlow,
  stopAll,
  verified,
} from './flow.ts'

const test = suite(`shutdown on ${storePair.name}`)

/** The default is promised, but the machines of a CI are sometimes slower. */
const shutdownIn = process.env.CI === undefined ? '5s' : '20s'

/** A process that doesn't stop in time ends with 1. */
async function startPlaying(seed: number): Promise<Flow> {
  const { totals, settings } = await startFlow({ rows: 1_000, rowsPerSecond: 150, seed })
  return { totals, settings: { ...settings, TIMEOUTS__SHUTDOWN: shutdownIn } }
}

const roles = ['ingest', 'project', 'api', 'feed'] as const

test(
  `SIGTERM ends every role at any moment, under load, with 0: ${halfTheRounds} rounds`,
  () =>
    eachRound(async ({ random, seed, start }) => {
      const flow = await startPlaying(seed)
      const stopLater = async (role: string) => {
        const running = start([role], flow.settings)
        await spoke(running)
        await sleep(random() * 4_000)
        await stopAll([running])
      }
      await Promise.all(roles.map(stopLater))
      await stopLater('start')
      const last = start(['start'], flow.settings)
      await complete(await last.address(), flow)
      await stopAll([last])
      await verified(flow.settings)
    }, halfTheRounds),
  { timeoutMs: roundsTimeoutMs(90_000) },
)

const waitingTitle = 'SIGTERM ends a process that waits for its partitions, which a hung one has'

if (storePair.name === 'kafka/mongodb') {
  test(
    `${waitingTitle}: ${faultRounds} rounds`,
    () =>
      eachRound(async ({ random, seed, start }) => {
        const flow = await startPlaying(seed)
        const ingest = start(['ingest'], flow.settings)
        const hung = start(['project'], flow.settings)
        await eventually(() =>
          logOf(hung).some(({ msg }) => msg.startsWith('projecting partitions')),
        )
        hung.process.kill('SIGSTOP')
        const waiting = start(['project'], flow.settings)
        await spoke(waiting)
        await sleep(500 + random() * 4_000)
        await stopAll([waiting])
        hung.process.kill('SIGCONT')
        await stopAll([hung, ingest])
      }),
    { timeoutMs: roundsTimeoutMs(40_000) },
  )
} else {
  test.skip(waitingTitle, 'only processes that share partitions wait for one another')
}

test.run()
