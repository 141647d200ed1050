import { expel } from '../support/memory-event-store.ts'
import { seededRandom } from '../support/random.ts'
import { useScheduler } from './fake-time.ts'
import { startFeed } from './feed.ts'
import { type Plan, planOf } from './plan.ts'
import { type Process, startAppender, startCommand, startProjector } from './processes.ts'
import { startReader } from './readers.ts'
import { type Actor, createScheduler } from './scheduler.ts'
import type { Mutation } from './stores.ts'
import { createWorld, type World } from './world.ts'

export type Outcome = Readonly<{
  /** The first violation; undefined if every promise was kept. */
  violation: string | undefined
  steps: number
  /** Generations that ever were active. */
  promoted: number
  /** Errors that commands ended with, by code. */
  failures: ReadonlyMap<string, number>
  trace: readonly string[]
}>

type SimulationOptions = Readonly<{
  mutation?: Mutation
  traced?: boolean
  /** Changes the plan of the seed. */
  plan?: (of: Plan) => Plan
}>

/** Every run ends long before this many operations. */
const stepsMax = 20_000

/** Disturbances come within this many operations from the log to a row, or never. */
const workMax = 150

/** To be called within `withFakeTime`. A seed always gives the same run. */
export async function simulate(
  seed: number,
  { mutation = {}, traced = false, plan = (of) => of }: SimulationOptions = {},
): Promise<Outcome> {
  const random = seededRandom(seed)
  const trace: string[] = []
  const scheduler = createScheduler(random, (line) => {
    if (traced) trace.push(line())
  })
  const world = createWorld(plan(planOf(random)), scheduler)
  if (traced) trace.push(JSON.stringify(summaryOf(world)))
  useScheduler(scheduler)
  try {
    await run(world, mutation, seed)
  } finally {
    useScheduler(undefined)
  }
  const { violations, everPromoted, failures } = world
  const [violation] = violations
  return { violation, steps: scheduler.steps(), promoted: everPromoted.size, failures, trace }
}

const summaryOf = ({ plan }: World) => ({
  ...plan,
  projections: plan.projections.map(({ name }) => name),
})

async function run(world: World, mutation: Mutation, seed: number): Promise<void> {
  const { plan, scheduler, violations } = world
  const delayMs = () => scheduler.choose(plan.spanMs)
  const projectors = Array.from({ length: plan.projectors }, (_, i) =>
    startProjector(world, mutation, `projector ${i + 1}`, delayMs()),
  )
  const finite = [
    ...plan.appends.map((events, i) =>
      startAppender(world, mutation, events, seed * 100 + i, delayMs()),
    ),
    ...startFeed(world, mutation, seed, delayMs),
    ...Array.from({ length: plan.readers }, (_, i) =>
      startReader(world, mutation, `reader ${i + 1}`, delayMs()),
    ),
    ...plan.commands.map((kind, i) =>
      startCommand(world, mutation, kind, `${kind} ${i + 1}`, delayMs()),
    ),
  ]
  const disturb = disturbances(world, projectors, finite)
  const until = async (isDone: () => boolean, otherwise: string, beforeStep?: () => void) => {
    const isOver = () => violations.length > 0 || isDone()
    if (!(await scheduler.runUntil(isOver, stepsMax, beforeStep))) violations.push(otherwise)
  }
  await until(() => finite.every((process) => process.isDone()), 'it never ended', disturb)
  world.calmDown()
  await until(() => isCaughtUp(world), 'the projectors never caught up')
  const last = startCommand(world, mutation, 'replay', 'last replay', 0, 30)
  await until(() => last.isDone() && isCaughtUp(world), 'the last replay never succeeded')
  world.check()
}

/** Crashes, hangs and rebalances of the plan, each at a step that the seed chooses. */
function disturbances(
  { plan, scheduler, log, work }: World,
  projectors: readonly Process[],
  others: readonly Process[],
): () => void {
  const { choose } = scheduler
  const anyone = () => {
    const processes = choose(2) === 0 ? projectors : others
    return processes[choose(processes.length)]
  }
  const crash = () => {
    const process = anyone()
    if (process === undefined) return
    const actor = process.actor()
    process.crash()
    expelSilent(actor)
  }
  /** Repeated, as a request sent before the crash may make it a member again. */
  const expelSilent = (actor: Actor) => {
    const coordinator = { name: 'coordinator', isAlive: true, hangsUntil: 0 }
    scheduler.add(coordinator, `expel ${actor.name}`, choose(6_000), () => {
      expel(log, actor)
      if (scheduler.hasPending(actor)) expelSilent(actor)
    })
  }
  const hang = () => {
    const actor = anyone()?.actor()
    if (actor === undefined) return
    actor.hangsUntil = scheduler.now() + choose(70_000)
    const coordinator = { name: 'coordinator', isAlive: true, hangsUntil: 0 }
    scheduler.add(coordinator, `expel ${actor.name}`, choose(6_000), () => expel(log, actor))
  }
  const rebalance = () => {
    const actor = projectors[choose(projectors.length)]?.actor()
    if (actor !== undefined) expel(log, actor)
  }
  const timesOf = (count: number, disturb: () => void) =>
    Array.from({ length: count }, () => ({ at: choose(workMax), disturb }))
  let due = [
    ...timesOf(plan.crashes, crash),
    ...timesOf(plan.hangs, hang),
    ...timesOf(plan.rebalances, rebalance),
  ]
  return () => {
    const now = due.filter(({ at }) => at <= work())
    if (now.length === 0) return
    due = due.filter(({ at }) => at > work())
    for (const { disturb } of now) disturb()
  }
}

const isCaughtUp = ({ plan, database, log }: World): boolean =>
  plan.projections.every(({ name }) => {
    const table = database.tables.get(database.pointers.get(name)?.active ?? '')
    return log.partitions.every(
      ({ head }, partition) => (table?.checkpoint.get(partition)?.next ?? 0) === head,
    )
  })
