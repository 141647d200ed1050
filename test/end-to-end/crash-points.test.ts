import * as assert from 'uvu/assert'
import { pointsOn } from '../crash/points.ts'
import { type Scenario, scenarios } from '../crash/scenarios.ts'
import type { Stage } from '../crash/stage.ts'
import { faultRounds, seededRandom, testSeed } from '../support/random.ts'
import { storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'

/**
 * Goal: if a process dies between any two steps, the next one makes everything right. Method: each
 * command runs once without a kill, which counts how often it passes each crash point. Then, over
 * and over, it is killed at a point and a pass that the seed chooses, run again, and checked: the
 * file is in the log once, and every read model is the naive fold of the log.
 */
const test = suite(`killed at every crash point on ${storePair.name}`)

const withServers = storePair.name !== 'embedded/embedded'

/** Over 250 on each of the four pairs of stores with the twenty rounds of `npm run test:full`. */
const killsWanted = (faultRounds < 20 && withServers ? 8 : 13) * faultRounds
const killTimeoutMs = 120_000

/** How many kills run in parallel, each on its own stores; with servers most of it is waiting. */
const lanes = withServers ? 4 : 2

type Passes = ReadonlyMap<Scenario, ReadonlyMap<string, number>>

/** The stages of one lane: opened on demand, and kept if they can be used again. */
function stagesOf(seed: number) {
  const kept = new Map<Scenario['open'], Stage>()
  const on = async <T>({ open, isOnce }: Scenario, work: (stage: Stage) => Promise<T>) => {
    const stage = kept.get(open) ?? (await open(seed))
    if (!isOnce) kept.set(open, stage)
    try {
      return await work(stage)
    } finally {
      if (isOnce) await stage.close()
    }
  }
  const close = async () => {
    for (const stage of kept.values()) await stage.close()
  }
  return { on, close }
}

/** Runs the jobs, several at a time; the first failure ends it. */
async function inLanes<T>(
  jobs: Iterator<T, unknown>,
  work: (job: T, stages: ReturnType<typeof stagesOf>) => Promise<void>,
) {
  let isFailed = false
  const lane = async (_: unknown, index: number) => {
    const stages = stagesOf(testSeed + index)
    try {
      for (let job = jobs.next(); !job.done && !isFailed; job = jobs.next()) {
        await work(job.value, stages)
      }
    } catch (error) {
      isFailed = true
      throw error
    } finally {
      await stages.close()
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: lanes }, lane))
  for (const end of ended) if (end.status === 'rejected') throw end.reason
}

/** How often each scenario passes each point when nothing is killed. */
async function survey(): Promise<Passes> {
  const passes = new Map<Scenario, ReadonlyMap<string, number>>()
  await inLanes(scenarios.values(), async (scenario, stages) => {
    await stages.on(scenario, async (stage) => {
      await scenario.prepare(stage, () => 0.999)
      passes.set(scenario, (await scenario.attempt(stage)).passes)
    })
  })
  return passes
}

type Kill = Readonly<{ scenario: Scenario; at: string; random: () => number }>

/** Each point in a seeded order, each time in a scenario that passes it, at one of its passes. */
function* killsOf(passes: Passes, isEnough: () => boolean): Generator<Kill> {
  const random = seededRandom(testSeed)
  const choose = (count: number) => Math.floor(random() * count)
  const points = new Set([...passes.values()].flatMap((of) => [...of.keys()]))
  for (;;) {
    const order = [...points].sort().map((point) => ({ point, at: random() }))
    for (const { point } of order.sort((a, b) => a.at - b.at)) {
      if (isEnough()) return
      const passing = scenarios.filter((scenario) => passes.get(scenario)?.has(point))
      const scenario = passing[choose(passing.length)] as Scenario
      const last = passes.get(scenario)?.get(point) ?? 1
      const pass = 1 + (choose(2) === 0 ? 0 : choose(last))
      yield { scenario, at: `${point}:${pass}`, random: seededRandom(choose(2 ** 31)) }
    }
  }
}

let surveyed: Promise<Passes> | undefined

/** Makes the survey once. */
function passesOf(): Promise<Passes> {
  surveyed ??= survey()
  return surveyed
}

test(
  'every point is passed if nothing is killed',
  async () => {
    const passed = new Set([...(await passesOf()).values()].flatMap((of) => [...of.keys()]))
    assert.equal([...passed].sort(), [...pointsOn(storePair)].sort())
  },
  { timeoutMs: 5 * killTimeoutMs },
)

test(
  `after every kill, the next process makes everything right: ${killsWanted} kills`,
  async () => {
    const startedAt = performance.now()
    const killed = new Set<string>()
    let kills = 0
    let attempts = 0
    const isEnough = () => kills >= killsWanted || attempts >= 2 * killsWanted
    await inLanes(killsOf(await passesOf(), isEnough), async ({ scenario, at, random }, stages) => {
      attempts += 1
      try {
        await stages.on(scenario, async (stage) => {
          await scenario.prepare(stage, random)
          // Sometimes the next process dies there too, on what the first has left behind.
          for (let times = random() < 0.25 ? 2 : 1; times > 0; times--) {
            if (!(await scenario.attempt(stage, at)).isKilled) break
            kills += 1
            killed.add(at.slice(0, at.lastIndexOf(':')))
          }
          await scenario.finish(stage)
        })
      } catch (error) {
        const kill = `TRADELOG_SEED=${testSeed}, ${scenario.name} killed at ${at}`
        throw new Error(`${kill}: ${String(error)}`, { cause: error })
      }
    })
    const seconds = Math.round((performance.now() - startedAt) / 1_000)
    process.stdout.write(
      `${storePair.name}: ${kills} kills at ${killed.size} points in ${seconds} s\n`,
    )
    assert.ok(kills >= killsWanted, `${kills} kills in ${attempts} attempts`)
  },
  { timeoutMs: killsWanted * killTimeoutMs },
)

test.run()
