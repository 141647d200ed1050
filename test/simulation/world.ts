import { TradelogError } from '../../src/domain/errors.ts'
import type { RecordedEvent } from '../../src/domain/recorded-event.ts'
import type { Checkpoint, Pointer } from '../../src/read-model-store/read-model-store.ts'
import { type MemoryLog, memoryLog } from '../support/memory-event-store.ts'
import { type MemoryDatabase, memoryDatabase } from '../support/memory-read-model-store.ts'
import { inexactness } from './exactness.ts'
import type { Plan } from './plan.ts'
import type { Actor, Scheduler } from './scheduler.ts'

/** What outlives every process of a simulation, and what was seen to be wrong. */
export type World = Readonly<{
  plan: Plan
  scheduler: Scheduler
  log: MemoryLog
  database: MemoryDatabase
  /** Every generation that ever was the active one. */
  everPromoted: Set<string>
  violations: string[]
  /** An operation of a store: others may come before it; it may fail before or after its effect. */
  perform: <T>(actor: Actor, label: string, effect: () => T) => Promise<Awaited<T>>
  /** To be told with the checkpoint that the former generation had when it was looked up. */
  promoted: (pointer: Pointer, seen: Checkpoint | undefined) => void
  failures: Map<string, number>
  /** Told when a command ends with an error. */
  failed: (actor: Actor, error: unknown) => void
  /** Looks at every generation that ever was active. */
  check: () => void
  /** Operations on the way from the log to a row so far: the moments at which a disturbance matters. */
  work: () => number
  /** From here on nothing fails. */
  calmDown: () => void
}>

export const createWorld = (plan: Plan, scheduler: Scheduler): World => {
  const log = memoryLog({ partitions: 2, choose: scheduler.choose })
  const database = memoryDatabase()
  const everPromoted = new Set<string>()
  const violations: string[] = []
  const failures = new Map<string, number>()
  let work = 0
  let { faultRate, slowRate } = plan

  const checkGeneration = (id: string, when: string) => {
    const table = database.tables.get(id)
    if (table === undefined) return
    const wrong = inexactness(table, eventsOf(log))
    if (wrong !== undefined) violations.push(`${id} ${when}: ${wrong}`)
  }
  return {
    plan,
    scheduler,
    log,
    database,
    everPromoted,
    violations,
    failures,
    failed: (_actor, error) => {
      const code = error instanceof TradelogError ? error.code : String(error)
      failures.set(code, (failures.get(code) ?? 0) + 1)
    },
    perform: (actor, label, effect) =>
      new Promise((resolve, reject) => {
        const isSlow = scheduler.random() < slowRate
        // A membership begins with an answer: the dead join no group.
        const schedule = label === 'join' ? scheduler.add : scheduler.send
        schedule(actor, label, isSlow ? scheduler.choose(slowMsMax) : 0, () => {
          if (isWork.test(label)) work += 1
          if (scheduler.random() >= faultRate) answer(effect).then(resolve, reject)
          else if (scheduler.choose(2) === 0) reject(unavailable(label))
          else answer(effect).then(() => reject(unavailable(label)), reject)
        })
      }),
    promoted: ({ active }, seen = new Map()) => {
      everPromoted.add(active)
      checkGeneration(active, 'when promoted')
      for (const [partition, { next }] of seen) {
        const is = database.tables.get(active)?.checkpoint.get(partition)?.next ?? 0
        if (is < next) violations.push(`${active} takes readers back from ${next} to ${is}`)
      }
    },
    check: () => {
      for (const id of everPromoted) checkGeneration(id, 'in the end')
    },
    work: () => work,
    calmDown: () => {
      faultRate = 0
      slowRate = 0
    },
  }
}

const slowMsMax = 3_000

const isWork = /^(fetch|read|commit|write|promote|drop)/

const eventsOf = ({ partitions }: MemoryLog): readonly RecordedEvent[] =>
  partitions.flatMap(({ records }) => records)

const answer = async <T>(effect: () => T): Promise<Awaited<T>> => await effect()

/** Of the read-model store or of the event store: nobody takes the one for the other. */
const unavailable = (label: string) =>
  new TradelogError('READ_MODEL_STORE_UNAVAILABLE', `${label} failed in this simulation`)
