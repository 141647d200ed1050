import { TradelogError } from '../../src/domain/errors.ts'
import type { TradelogEvent } from '../../src/domain/event.ts'
import type { RecordedEvent } from '../../src/domain/recorded-event.ts'
import type { Checkpoint, Pointer } from '../../src/read-model-store/read-model-store.ts'
import { type MemoryLog, memoryLog } from '../support/memory-event-store.ts'
import { type MemoryDatabase, memoryDatabase } from '../support/memory-read-model-store.ts'
import { inexactness } from './exactness.ts'
import type { Plan } from './plan.ts'
import type { Actor, Scheduler } from './scheduler.ts'

/** What outlives every process of a simulation, and the violations found. */
export type World = Readonly<{
  plan: Plan
  scheduler: Scheduler
  log: MemoryLog
  database: MemoryDatabase
  /** Every generation that ever was the active one. */
  everPromoted: Set<string>
  violations: string[]
  /** An operation of a store: others may run before it; it may fail before or after its effect. */
  perform: <T>(actor: Actor, label: string, effect: () => T) => Promise<Awaited<T>>
  /** An earlier copy of the database if the seed makes this actor's read stale; else undefined. */
  staleCopy: (actor: Actor) => MemoryDatabase | undefined
  /** Generations that a stale read has returned. */
  staleRead: Set<string>
  /** Actors that read as the API does: their reads are never stale. */
  neverStale: Set<Actor>
  /** Events that must be in the log once each in the end. */
  recorded: TradelogEvent[]
  /** Called after a promotion, with the former generation's checkpoint when it was read. */
  promoted: (pointer: Pointer, seen: Checkpoint | undefined) => void
  failures: Map<string, number>
  /** Called when a command ends with an error. */
  failed: (actor: Actor, error: unknown) => void
  /** Checks every generation that ever was active. */
  check: () => void
  /** Operations from the log to a row so far: a disturbance matters while they run. */
  work: () => number
  /** From here on nothing fails. */
  calmDown: () => void
}>

export function createWorld(plan: Plan, scheduler: Scheduler): World {
  const log = memoryLog({ partitions: 2, choose: scheduler.choose, now: scheduler.now })
  const database = memoryDatabase()
  const everPromoted = new Set<string>()
  const violations: string[] = []
  const failures = new Map<string, number>()
  const staleRead = new Set<string>()
  const neverStale = new Set<Actor>()
  const recorded: TradelogEvent[] = []
  let work = 0
  let past: MemoryDatabase | undefined
  let lastStale: Actor | undefined
  let { faultRate, slowRate, repeatRate, staleReads } = plan

  const remember = () => {
    if (scheduler.random() < rememberRate) past = copyOf(database)
  }
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
        // A dead process joins no group: membership begins with an answer.
        const schedule = label === 'join' ? scheduler.add : scheduler.send
        const delayMs = () => (isSlow ? scheduler.choose(slowMsMax) : 0)
        const isRepeated = isRepeatable.test(label) && scheduler.random() < repeatRate
        if (isRepeated) scheduler.send(actor, `${label}, unanswered`, 0, () => void settle(effect))
        schedule(actor, label, delayMs(), () => {
          if (isWork.test(label)) work += 1
          if (staleReads > 0 && /^(commit|promote)/.test(label)) remember()
          if (scheduler.random() >= faultRate) answer(effect).then(resolve, reject)
          else if (scheduler.choose(2) === 0) reject(unavailable(label))
          else answer(effect).then(() => reject(unavailable(label)), reject)
        })
      }),
    staleCopy: (actor) => {
      if (staleReads === 0 || past === undefined || neverStale.has(actor)) return undefined
      // Never twice in a row.
      const isStale = lastStale !== actor && scheduler.random() < staleRate
      lastStale = isStale ? actor : undefined
      if (!isStale) return undefined
      staleReads -= 1
      return past
    },
    staleRead,
    neverStale,
    recorded,
    promoted: ({ active, former }, seen = new Map()) => {
      everPromoted.add(active)
      checkGeneration(active, 'when promoted')
      if (former !== null && staleRead.has(former)) return
      for (const [partition, { next }] of seen) {
        const is = database.tables.get(active)?.checkpoint.get(partition)?.next ?? 0
        if (is < next) violations.push(`${active} takes readers back from ${next} to ${is}`)
      }
    },
    check: () => {
      for (const id of everPromoted) checkGeneration(id, 'in the end')
      const wrong = wrongRecords(log, recorded)
      if (wrong !== undefined) violations.push(wrong)
    },
    work: () => work,
    calmDown: () => {
      faultRate = 0
      slowRate = 0
      repeatRate = 0
      staleReads = 0
    },
  }
}

const slowMsMax = 3_000
const staleRate = 0.05
const rememberRate = 0.2

/** What a driver repeats by itself if it gets no answer. */
const isRepeatable = /^(append|commit|promote|create|drop|lease |release|write status)/

/** An effect whose result or error is dropped. */
const settle = (effect: () => unknown): Promise<unknown> => answer(effect).catch(() => {})

const copyOf = ({ tables, pointers, ...others }: MemoryDatabase): MemoryDatabase => ({
  ...others,
  pointers: new Map(pointers),
  tables: new Map(
    Array.from(tables, ([id, { rows, checkpoint, ...table }]) => [
      id,
      { ...table, rows: new Map(rows), checkpoint: new Map(checkpoint) },
    ]),
  ),
})

/** Trades of a file are identified by their row, others by themselves. */
const identityOf = (event: TradelogEvent) =>
  event.source.startsWith('file:') ? event.source : event

function wrongRecords(log: MemoryLog, recorded: readonly TradelogEvent[]): string | undefined {
  const there = eventsOf(log).map(({ event }) => identityOf(event))
  const wanted = new Set(recorded.map(identityOf))
  const isAll = new Set(there).size === there.length && there.every((each) => wanted.has(each))
  if (isAll && there.length === wanted.size) return undefined
  return `the log has ${there.length} events, ${new Set(there).size} of them apart, of ${wanted.size}`
}

const isWork = /^(fetch|read|commit|write|promote|drop)/

const eventsOf = ({ partitions }: MemoryLog): readonly RecordedEvent[] =>
  partitions.flatMap(({ records }) => records)

const answer = async <T>(effect: () => T): Promise<Awaited<T>> => await effect()

/** Of the read-model store and of the event store: no code tells them apart here. */
const unavailable = (label: string) =>
  new TradelogError('READ_MODEL_STORE_UNAVAILABLE', `${label} failed in this simulation`)
