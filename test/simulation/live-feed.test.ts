import { setImmediate as nextTurn } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { expel } from '../support/memory-event-store.ts'
import { faultRounds, seededRandom } from '../support/random.ts'
import { suite } from '../support/suite.ts'
import { useScheduler, withFakeTime } from './fake-time.ts'
import {
  liveSymbols,
  misplacedRow,
  pingEveryMs,
  rowsOf,
  startListeners,
  startMarket,
  untoldTrade,
} from './live-feed.ts'
import { planOf } from './plan.ts'
import { type Actor, createScheduler } from './scheduler.ts'
import type { Mutation } from './stores.ts'
import { createWorld, type World } from './world.ts'

/**
 * Goal: no trade of a live feed is missing without an interruption that says so, however often
 * connections are lost, the feed flaps, trades are refused, and processes crash, hang and take
 * over from one another. Method: the real ingest roles over a market, a log and a clock in memory;
 * a seed decides which of them does what next.
 */
const test = suite('a live feed, simulated')

const seeds = faultRounds * (faultRounds < 20 ? 100 : 1_000)
const livesMs = 60_000
const coordinator: Actor = { name: 'coordinator', isAlive: true, hangsUntil: 0 }

async function simulate(seed: number, mutation: Mutation = {}) {
  const random = seededRandom(seed)
  const scheduler = createScheduler(random, () => {})
  const world = createWorld(planOf(random), scheduler)
  useScheduler(scheduler)
  try {
    return await run(world, mutation)
  } finally {
    useScheduler(undefined)
    // The reject log tries to write to a disk that is none, in real time.
    await nextTurn()
  }
}

async function run(world: World, mutation: Mutation) {
  const { scheduler, log, plan, violations } = world
  const startedAt = scheduler.now()
  const market = startMarket(world)
  const processes = startListeners(world, market, mutation)
  disturb(world, market, processes)
  const until = async (ms: number) =>
    assert.ok(await scheduler.runUntil(() => scheduler.now() > startedAt + ms, 100_000))
  await until(livesMs)
  world.calmDown()
  market.become('well')
  await until(livesMs + 20_000)
  market.close()
  await until(livesMs + 20_000 + 10 * pingEveryMs)
  const events = log.partitions.flatMap(({ records }) => records.map(({ event }) => event))
  const open = liveSymbols.filter((symbol) => rowsOf(events, symbol).at(-1)?.until === null)
  const violation =
    violations[0] ??
    misplacedRow(events) ??
    untoldTrade(market.made, events) ??
    (open.length > 0 ? `${open} are interrupted though all is well` : undefined)
  return { violation, events, plan }
}

/** What goes wrong, at times that the seed chooses. */
function disturb(
  { scheduler, log }: World,
  market: ReturnType<typeof startMarket>,
  processes: ReturnType<typeof startListeners>,
): void {
  const { choose } = scheduler
  const at = (what: string, run: () => void) =>
    scheduler.add(coordinator, what, choose(livesMs), run)
  const times = (count: number, run: () => void) => {
    for (let i = choose(count); i > 0; i--) run()
  }
  const expelLater = (actor: Actor) =>
    scheduler.add(coordinator, `expel ${actor.name}`, choose(6_000), () => {
      expel(log, actor)
      if (!actor.isAlive && scheduler.hasPending(actor)) expelLater(actor)
    })
  const anyone = () => processes[choose(processes.length)]
  times(5, () => at('break', market.breakAll))
  times(3, () =>
    at('mood', () => {
      market.become(choose(2) === 0 ? 'down' : 'flapping')
      scheduler.add(coordinator, 'well', choose(20_000), () => market.become('well'))
    }),
  )
  times(4, () =>
    at('crash', () => {
      const process = anyone()
      const actor = process?.actor()
      process?.crash()
      if (actor !== undefined) expelLater(actor)
    }),
  )
  times(3, () =>
    at('hang', () => {
      const actor = anyone()?.actor()
      if (actor === undefined) return
      actor.hangsUntil = scheduler.now() + choose(15_000)
      expelLater(actor)
    }),
  )
}

test(
  `no trade is missing that no interruption tells of, in ${seeds} seeded lives`,
  async () => {
    let interruptions = 0
    await withFakeTime(async () => {
      for (let seed = 1; seed <= seeds; seed++) {
        const { violation, events } = await simulate(seed)
        assert.is(violation, undefined, `seed ${seed}: ${violation}`)
        interruptions += events.filter(({ type }) => type === 'FeedInterrupted').length
      }
    })
    assert.ok(interruptions > 5 * seeds, `${interruptions}`)
  },
  { timeoutMs: seeds * 1_000 + 600_000 },
)

test('finds an interruption that is not recorded', async () => {
  const forgetful: Mutation = {
    eventStore: (store, { world }) => ({
      ...store,
      append: (events) => {
        const isKept = () => world.scheduler.choose(20) > 0
        return store.append(events.filter(({ type }) => type === 'TradeExecuted' || isKept()))
      },
    }),
  }
  await withFakeTime(async () => {
    for (let seed = 1; seed <= 100; seed++) {
      if ((await simulate(seed, forgetful)).violation !== undefined) return
    }
    assert.unreachable('not found in 100 lives')
  })
})

test.run()
