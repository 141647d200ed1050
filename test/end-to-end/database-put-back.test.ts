import { setTimeout as sleep } from 'node:timers/promises'
import { type Db, MongoClient } from 'mongodb'
import { copyDatabase, type DatabaseCopy, putBack } from '../support/database-copy.ts'
import { storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import type { RunningTradelog, Settings } from '../support/tradelog.ts'
import {
  assertEveryRowOnce,
  complete,
  eachRound,
  halfTheRounds,
  roundsTimeoutMs,
  startFlow,
  stopAll,
  verified,
} from './flow.ts'

const test = suite(`a database emptied or put back on ${storePair.name}`)

type Scene = Readonly<{
  db: Db
  project: RunningTradelog
  startProject: () => RunningTradelog
}>

/** What happens to the database; returns the process that projects from then on. */
type Fault = (scene: Scene, earlier: DatabaseCopy) => Promise<RunningTradelog>

/** Stops a process between any two of its steps, and waits until its requests are done. */
async function frozen<T>({ process }: RunningTradelog, work: () => Promise<T>): Promise<T> {
  process.kill('SIGSTOP')
  try {
    await sleep(500)
    return await work()
  } finally {
    process.kill('SIGCONT')
  }
}

async function whileDown({ project, startProject }: Scene, work: () => Promise<unknown>) {
  await stopAll([project])
  await work()
  return startProject()
}

async function whileRunning({ project }: Scene, work: () => Promise<unknown>) {
  await work()
  return project
}

const faults: Readonly<Record<string, Fault>> = {
  'emptied while projectors run': (scene) => whileRunning(scene, () => scene.db.dropDatabase()),
  'emptied while projectors are down': (scene) => whileDown(scene, () => scene.db.dropDatabase()),
  'put back under running projectors, at any of their steps': (scene, earlier) =>
    whileRunning(scene, () => frozen(scene.project, () => putBack(scene.db, earlier))),
  'put back while projectors are down': (scene, earlier) =>
    whileDown(scene, () => putBack(scene.db, earlier)),
}

async function withDatabase(settings: Settings, work: (db: Db) => Promise<void>) {
  const client = await MongoClient.connect(settings.MONGODB__URL ?? '')
  try {
    await work(client.db(settings.MONGODB__DATABASE_NAME))
  } finally {
    await client.close()
  }
}

for (const [title, fault] of Object.entries(faults)) {
  if (storePair.readModelStore !== 'mongodb') {
    test.skip(title, 'the embedded store is no database')
    continue
  }
  test(
    `${title}: read models heal by themselves: ${halfTheRounds} rounds`,
    () =>
      eachRound(async ({ random, seed, start }) => {
        const flow = await startFlow({ rows: 400, rowsPerSecond: 50, seed })
        const startProject = () => start(['project'], flow.settings)
        const first = startProject()
        const ingest = start(['ingest'], flow.settings)
        const api = start(['api'], flow.settings)
        const address = await api.address()
        await withDatabase(flow.settings, async (db) => {
          await sleep(1_000 + random() * 2_000)
          const earlier = await frozen(first, () => copyDatabase(db))
          await sleep(random() * 3_000)
          const project = await fault({ db, project: first, startProject }, earlier)
          await complete(address, flow)
          await assertEveryRowOnce(address, flow.totals)
          await verified(flow.settings)
          await stopAll([ingest, project, api])
        })
      }, halfTheRounds),
    { timeoutMs: roundsTimeoutMs(90_000) },
  )
}

test.run()
