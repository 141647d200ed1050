import { hasCode } from '../../src/domain/errors.ts'
import { startProjectRole } from '../../src/projections/live/project-role.ts'
import { replay } from '../../src/projections/replay/replay.ts'
import { rollback } from '../../src/projections/replay/rollback.ts'
import { createMetrics } from '../../src/runtime/metrics.ts'
import { silent } from '../support/silent.ts'
import { someTrades } from '../support/some-trades.ts'
import { interruption } from '../support/trade.ts'
import type { Actor } from './scheduler.ts'
import { eventStoreOf, type Mutation, readModelStoreOf } from './stores.ts'
import type { World } from './world.ts'

/** A process of the simulation, restarted after each crash. */
export type Process = Readonly<{
  actor: () => Actor
  crash: () => void
  /** Whether it has finished; a projector never has. */
  isDone: () => boolean
}>

type Body = (actor: Actor, finished: () => void) => Promise<void>

/** Attempts of a command before its operator gives up. */
const attemptsMax = 6
const tryAgainMs = 2_500
const restartMsMax = 2_000

export function startProcess(world: World, name: string, delayMs: number, body: Body): Process {
  const { scheduler } = world
  let starts = 0
  let actor: Actor
  let isDone = false
  const start = (afterMs: number) => {
    starts += 1
    const started = { name: `${name}.${starts}`, isAlive: true, hangsUntil: 0 }
    actor = started
    scheduler.add(started, 'start', afterMs, () => {
      body(started, () => {
        if (started === actor) isDone = true
      }).catch((error) => world.violations.push(`${name}: ${String(error)}`))
    })
    return started
  }
  actor = start(delayMs)
  return {
    actor: () => actor,
    isDone: () => isDone,
    crash: () => {
      scheduler.kill(actor)
      if (!isDone) start(scheduler.choose(restartMsMax))
    },
  }
}

/** The real project role: it follows the pointer, projects and reports. */
export const startProjector = (world: World, mutation: Mutation, name: string, delayMs: number) =>
  startProcess(world, name, delayMs, async (actor) => {
    startProjectRole({
      ...portsOf(world, mutation, actor),
      processName: actor.name,
      metrics: createMetrics(),
    })
  })

/** A replay or rollback, retried after failures as an operator would. */
export const startCommand = (
  world: World,
  mutation: Mutation,
  kind: 'replay' | 'rollback',
  name: string,
  delayMs: number,
  attempts = attemptsMax,
) =>
  startProcess(world, name, delayMs, async (actor, finished) => {
    const command = kind === 'replay' ? replay : rollback
    for (let attempt = 1; attempt <= attempts; attempt++) {
      try {
        await command({
          ...portsOf(world, mutation, actor),
          signal: new AbortController().signal,
        })
        return finished()
      } catch (error) {
        if (hasCode(error, 'NO_FORMER_GENERATION')) return finished()
        world.failed(actor, error)
        await new Promise((resolve) => setTimeout(resolve, tryAgainMs))
      }
    }
    if (attempts === attemptsMax) finished()
  })

/** Ingest, as the engine sees it: one append at a time, each retried until it is answered. */
export function startAppender(
  world: World,
  mutation: Mutation,
  events: number,
  seed: number,
  delayMs: number,
) {
  const appended = [interruption(), ...someTrades(events, seed)].slice(seed % 2)
  world.recorded.push(...appended)
  return startProcess(world, 'appender', delayMs, async (actor, finished) => {
    const { append } = eventStoreOf(world, actor, mutation)
    for (;;) {
      try {
        await append(appended)
        return finished()
      } catch (error) {
        if (!hasCode(error, 'READ_MODEL_STORE_UNAVAILABLE')) throw error
      }
    }
  })
}

const portsOf = (world: World, mutation: Mutation, actor: Actor) => ({
  projections: world.plan.projections,
  batchEventsMax: world.plan.batchEventsMax,
  eventStore: eventStoreOf(world, actor, mutation),
  readModelStore: readModelStoreOf(world, actor, mutation),
  logger: silent,
})
