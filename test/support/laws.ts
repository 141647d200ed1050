import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { hasCode } from '../../src/domain/errors.ts'
import type { Projection } from '../../src/projections/projection.ts'
import { createWriter } from '../../src/projections/writer.ts'
import type { Generation, StoredRow } from '../../src/read-model-store/read-model-store.ts'
import { memoryGeneration, memoryTable, noSkips, type Table } from './memory-generation.ts'
import { naiveRows } from './naive-rows.ts'
import {
  cutBy,
  inOnePiece,
  interleavedBy,
  mixedBy,
  nextSlice,
  type Schedule,
  scheduleNumbers,
  type TradeLog,
  tradeLogs,
} from './trade-log.ts'

/** Called for every process that runs the projection, as each process loads its own code. */
export type MakeProjection = () => Projection

/** What a law is checked with. */
export type Plan = Readonly<{
  log: TradeLog
  numbers: readonly number[]
  others: readonly number[]
  scheduler: fc.Scheduler
}>

const plans = (arrivalsMax: number): fc.Arbitrary<Plan> =>
  fc.record({
    log: tradeLogs(arrivalsMax),
    numbers: scheduleNumbers,
    others: scheduleNumbers,
    scheduler: fc.scheduler(),
  })

type Check = (make: MakeProjection, plan: Plan) => Promise<void>

/** Laws for every read model of the registry: a new one adds no line here. */
export const laws: Readonly<Record<string, Check>> = {
  'the borders of batches do not matter': async (make, { log, numbers }) => {
    assertSame(await projected(make, log, cutBy(numbers)), await projected(make, log, inOnePiece))
  },

  'redelivery does not matter': async (make, { log, numbers, others, scheduler }) => {
    const table = emptyTable(make)
    const scheduled = { beforeWrite: () => scheduler.schedule(Promise.resolve()) }
    const processes = [numbers, others].map((each) =>
      project(make, memoryGeneration(table, scheduled), log, cutBy(each)),
    )
    await scheduler.waitFor(Promise.all(processes))
    assertSame(await contentsOf(memoryGeneration(table)), await projected(make, log, inOnePiece))
  },

  'a crash at any point does not matter': async (make, { log, numbers, others }) => {
    const table = emptyTable(make)
    for (const writes of others) {
      const process = memoryGeneration(table, { beforeWrite: crashAfter(writes) })
      await project(make, process, log, mixedBy(numbers)).catch(ignoreCrash)
    }
    await project(make, memoryGeneration(table), log, mixedBy(numbers))
    assertSame(await contentsOf(memoryGeneration(table)), await projected(make, log, inOnePiece))
  },

  'the interleaving of partitions does not matter': async (make, { log, numbers }) => {
    const interleaved = await projected(make, log, interleavedBy(numbers))
    assertSame(interleaved, await projected(make, log, inOnePiece))
  },

  'replayed equals live': async (make, { log, numbers, others }) => {
    const live = memoryGeneration(emptyTable(make))
    await projectLive(make, live, log, numbers, others)
    assertSame(await contentsOf(live), await projected(make, log, inOnePiece))
  },

  'the rows are those of the naive fold': async (make, { log }) => {
    const { rows } = await projected(make, log, inOnePiece)
    assertSameRows(
      rows.map(({ key, value }) => [key, value]),
      naiveRows(make().name, log),
    )
  },

  'the counts of the rows are those of the events': async (make, { log, numbers }) => {
    const projection = make()
    const { rows } = await projected(make, log, mixedBy(numbers))
    const rowsPerEvent = projection.kind === 'state' ? projection.rowsPerEvent : 1
    const counted = rows.reduce((sum, { count }) => sum + (count ?? 1), 0)
    const named = log.filter(({ event }) => projection.events.includes(event.type))
    const touched = named.length * rowsPerEvent
    if (counted !== touched) throw new Error(`the rows count ${counted}, the events ${touched}`)
  },
}

/** A law as a property: 150 arrivals are enough for a window of 50 trades to roll. */
export const property = (
  check: Check,
  make: MakeProjection,
  arrivalsMax = 150,
): fc.IAsyncPropertyWithHooks<[Plan]> =>
  fc.asyncProperty(plans(arrivalsMax), (plan) => check(make, plan))

/** Live in any store, with restarts, equals a replay in memory. `create` makes a generation. */
export const sameInStore = (make: MakeProjection, create: () => Promise<Generation>) =>
  fc.asyncProperty(plans(40), async ({ log, numbers, others }) => {
    const live = await create()
    await projectLive(make, live, log, numbers, others)
    assertSame(await contentsOf(live), await projected(make, log, inOnePiece))
  })

/** Processes come and go while the log grows. */
async function projectLive(
  make: MakeProjection,
  generation: Generation,
  log: TradeLog,
  numbers: readonly number[],
  growth: readonly number[],
) {
  for (let events = 0, i = 0; events < log.length; i++) {
    events += 1 + (growth[i % growth.length] ?? 0)
    await project(make, generation, log.slice(0, events), mixedBy(numbers))
  }
}

/** The whole log from the stored checkpoint on, by a new process. */
async function project(
  make: MakeProjection,
  generation: Generation,
  log: TradeLog,
  schedule: Schedule,
): Promise<void> {
  const writer = createWriter(make(), generation, noSkips)
  await writer.restart()
  const next = () =>
    nextSlice(log, (partition) => writer.checkpoint().get(partition)?.next ?? 0, schedule)
  for (let slice = next(); slice !== undefined; slice = next()) {
    try {
      await writer.apply(slice)
    } catch (error) {
      if (!hasCode(error, 'CHECKPOINT_MOVED')) throw error
      await writer.restart()
    }
  }
}

async function projected(make: MakeProjection, log: TradeLog, schedule: Schedule) {
  const table = emptyTable(make)
  await project(make, memoryGeneration(table), log, schedule)
  return contentsOf(memoryGeneration(table))
}

function emptyTable(make: MakeProjection): Table {
  const { name: model, version, kind } = make()
  return memoryTable({ id: model, model, version, kind, createdAt: 0 })
}

async function contentsOf(generation: Generation) {
  const rows: StoredRow[] = []
  for await (const chunk of generation.scan()) rows.push(...chunk)
  return { rows, checkpoint: [...(await generation.checkpoint())].sort(([a], [b]) => a - b) }
}

type Contents = Awaited<ReturnType<typeof contentsOf>>

class Crash extends Error {}

function crashAfter(writes: number) {
  let writesLeft = writes
  return () => {
    if (writesLeft-- === 0) throw new Crash()
  }
}

function ignoreCrash(error: unknown) {
  if (!(error instanceof Crash)) throw error
}

function assertSame(actual: Contents, expected: Contents): void {
  assertSameRows(actual.rows, expected.rows)
  assertSameRows(actual.checkpoint, expected.checkpoint)
}

/** Reports the first difference only: a shrunk case has a short one. */
function assertSameRows(actual: readonly unknown[], expected: readonly unknown[]): void {
  const length = Math.max(actual.length, expected.length)
  for (let i = 0; i < length; i++) {
    if (!isDeepStrictEqual(actual[i], expected[i])) {
      throw new Error(`${JSON.stringify(actual[i])} instead of ${JSON.stringify(expected[i])}`)
    }
  }
}
