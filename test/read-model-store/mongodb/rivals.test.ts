/**
 * Goal: of rivals at one checkpoint one wins, and no event is lost or counted twice, in whatever
 * order their commands reach the server. Method: the real commit on a MongoDB in memory of which
 * every command is a step; two rivals take every course there is, more of them, with crashes and
 * copies put back, those of many seeds. Mistakes put in on purpose show that they would be found.
 */
import type { Db } from 'mongodb'
import * as assert from 'uvu/assert'
import { hasCode } from '../../../src/domain/errors.ts'
import { symbols } from '../../../src/projections/read-models/symbols.ts'
import { createWriter, type GenerationWriter } from '../../../src/projections/writer.ts'
import { catalogueOf } from '../../../src/read-model-store/mongodb/catalogue.ts'
import { mongodbGeneration } from '../../../src/read-model-store/mongodb/generation.ts'
import type { Generation } from '../../../src/read-model-store/read-model-store.ts'
import { noSkips } from '../../support/memory-generation.ts'
import { type Documents, memoryMongodb } from '../../support/memory-mongodb.ts'
import { faultRounds, seededRandom, testSeed } from '../../support/random.ts'
import { suite } from '../../support/suite.ts'
import { recorded, trade } from '../../support/trade.ts'

const eventsTotal = 12
const names = ['AAPL', 'MSFT']
const log = Array.from({ length: eventsTotal }, (_, offset) =>
  recorded(trade({ symbol: names[offset % 2] ?? '', source: `${offset}` }), offset),
)

/** An update of a checkpoint, changed: a fault put in on purpose. */
type Mistake = (filter: Update, set: Update) => readonly [filter: Update, set: Update]
type Update = Readonly<Record<string, unknown>>

type World = Readonly<{
  documents: Documents
  waiting: Turn[]
  dead: Set<string>
  /** Those whose commit has its claim. */
  claimants: Set<string>
  mistake: Mistake
}>
type Turn = Readonly<{ of: string; go: () => void }>

const info = { id: 'symbols-1', model: 'symbols', version: 1, kind: 'state', createdAt: 0 } as const

function createWorld(mistake: Mistake = (...update) => update): World {
  const generation = { _id: info.id, droppedAt: null }
  const documents: Documents = new Map([['tradelog_generations', new Map([[info.id, generation]])]])
  return { documents, waiting: [], dead: new Set(), claimants: new Set(), mistake }
}

const atOnce = async () => {}

/** A process that waits for its turn before each step. One that is dead never has it. */
const inTurn =
  ({ waiting, dead }: World, of: string) =>
  () =>
    new Promise<void>((go) => {
      if (!dead.has(of)) waiting.push({ of, go })
    })

function generationOf(world: World, of: string, step: () => Promise<void>): Generation {
  const run = <T>(operation: () => Promise<T>) => operation()
  const db = watched(world, of, memoryMongodb(world.documents, step))
  const connection = { db, operationTimeoutMs: 0, run, close: atOnce }
  // A generation is neither made nor dropped here: to look whether it is there is no step.
  const calm = catalogueOf({ ...connection, db: memoryMongodb(world.documents, atOnce) })
  const catalogue = { ...catalogueOf(connection), generations: calm.generations }
  const generation = mongodbGeneration(connection, catalogue, info)
  const commit: Generation['commit'] = (batch) =>
    generation.commit(batch).finally(() => world.claimants.delete(of))
  return { ...generation, commit }
}

/** Makes the mistake, and sees who has a claim. */
const watched = ({ mistake, claimants }: World, of: string, db: Db): Db =>
  ({
    ...db,
    collection: (name: string) => {
      const collection = db.collection(name)
      const updateOne = async (filter: Update, { $set }: { $set: Update }) => {
        const [where, set] = mistake(filter, $set)
        const result = await collection.updateOne(where, { $set: set })
        if (Array.isArray($set.claim) && result.matchedCount === 1) claimants.add(of)
        return result
      }
      const insertOne = async (document: Update) => {
        await collection.insertOne(document)
        claimants.add(of)
      }
      return { ...collection, updateOne, insertOne }
    },
  }) as unknown as Db

const writerOf = (world: World, of: string, step: () => Promise<void>) =>
  createWriter(symbols, generationOf(world, of, step), noSkips)

const sliceTo = (writer: GenerationWriter, events: number) => {
  const from = writer.checkpoint().get(0)?.next ?? 0
  const to = Math.min(from + events, eventsTotal)
  return { partition: 0, from, to, events: log.slice(from, to), origin: 'log' }
}

async function isApplied(writer: GenerationWriter, events: number): Promise<boolean> {
  try {
    await writer.apply(sliceTo(writer, events))
    return true
  } catch (error) {
    if (!hasCode(error, 'CHECKPOINT_MOVED')) throw error
    return false
  }
}

/** From the stored checkpoint to the end of the log, as the project role does it. */
async function project(writer: GenerationWriter, events: () => number): Promise<void> {
  await writer.restart()
  while (sliceTo(writer, 1).events.length > 0) {
    if (!(await isApplied(writer, events()))) await writer.restart()
  }
}

/** Whatever has happened, a projector that nobody disturbs gets every event into its row once. */
async function assertExact(world: World) {
  await project(writerOf(world, 'last', atOnce), () => 3)
  const rows = [...(world.documents.get(info.id)?.values() ?? [])]
  const counts = rows.map(({ symbol, tradeCount, _count }) => [symbol, tradeCount, _count])
  const half = eventsTotal / 2
  assert.equal(counts.sort(), [
    ['AAPL', half, half],
    ['MSFT', half, half],
  ])
}

/** One step at a time, until nobody has one left. */
async function takeTurns({ waiting }: World, choose: (count: number) => number, before = () => {}) {
  for (;;) {
    await new Promise((resolve) => process.nextTick(resolve))
    if (waiting.length === 0) return
    before()
    for (const { go } of waiting.splice(choose(waiting.length), 1)) go()
  }
}

/** Runs something for every course that its choices can take; answers how many there are. */
async function everyCourse(run: (choose: (count: number) => number) => Promise<void>) {
  let next: number[] | undefined = []
  for (let courses = 0; ; courses++) {
    if (next === undefined) return courses
    const course: number[] = next
    const counts: number[] = []
    await run((count) => course[counts.push(count) - 1] ?? 0)
    const chosen = counts.map((_, i) => course[i] ?? 0)
    const last = chosen.findLastIndex((choice, i) => choice + 1 < (counts[i] ?? 0))
    next = last < 0 ? undefined : chosen.slice(0, last).concat((chosen[last] ?? 0) + 1)
  }
}

type Start = (world: World) => Promise<void>
/** Where two rivals stand, and how many events each takes. */
const starts: Readonly<Record<string, Readonly<{ start: Start; batches: readonly number[] }>>> = {
  'at an empty generation': { start: async () => {}, batches: [2, 2] },
  'in the middle': { start: applied(4), batches: [2, 2] },
  'with batches of different lengths': { start: applied(4), batches: [2, 4] },
  'on one row': { start: applied(4), batches: [1, 1] },
  'where a crashed commit has left its claim': { start: crashedAfter(2), batches: [2, 2] },
  'where a crashed commit has left a row': { start: crashedAfter(3), batches: [2, 2] },
}

function applied(events: number): Start {
  return async (world) => {
    const writer = writerOf(world, 'former', atOnce)
    await writer.restart()
    assert.ok(await isApplied(writer, events))
  }
}

/** After so many steps of its second batch, of three events. */
function crashedAfter(steps: number): Start {
  return async (world) => {
    await applied(4)(world)
    let left = Infinity
    const step = () => (left-- > 0 ? atOnce() : new Promise<void>(() => {}))
    const writer = writerOf(world, 'crashed', step)
    await writer.restart()
    left = steps
    void isApplied(writer, 3)
    await new Promise((resolve) => setImmediate(resolve))
    world.claimants.clear()
  }
}

/** How many of the two are committed, and that all is right in the end. */
async function race(world: World, { start, batches }: (typeof starts)[string], choose: Choose) {
  await start(world)
  let winners = 0
  const primed = await Promise.all(
    batches.map(async (events, i) => {
      let step = atOnce
      const writer = writerOf(world, `${i}`, () => step())
      await writer.restart()
      step = inTurn(world, `${i}`)
      return async () => {
        if (await isApplied(writer, events)) winners += 1
      }
    }),
  )
  const ended = Promise.all(primed.map((apply) => apply()))
  await takeTurns(world, choose)
  await ended
  return winners
}

type Choose = (count: number) => number

const seeds = 100 * faultRounds
const rivals = 5

/**
 * Five projectors that are killed and started again, while copies are made and one is put back. One
 * thing a commit can't see, and nothing here tries: a copy made while the commit was under way,
 * which has its claim and not its rows.
 */
async function turmoil(seed: number, mistake?: Mistake) {
  const random = seededRandom(seed)
  const choose = (count: number) => Math.floor(random() * count)
  const world = createWorld(mistake)
  const copies = [structuredClone(world.documents)]
  const alive = new Set<string>()
  let started = 0
  let kills = 5
  let putBacks = 1
  const start = () => {
    const of = `${started++}`
    alive.add(of)
    const ended = project(writerOf(world, of, inTurn(world, of)), () => 1 + choose(4))
    void ended.then(() => alive.delete(of))
  }
  const kill = (of: string) => {
    alive.delete(of)
    world.dead.add(of)
    world.claimants.delete(of)
    world.waiting.splice(0, Infinity, ...world.waiting.filter((turn) => turn.of !== of))
    start()
  }
  const putBack = () => {
    const copy = structuredClone(copies[choose(copies.length)])
    for (const name of world.documents.keys()) {
      world.documents.set(name, copy?.get(name) ?? new Map())
    }
  }
  for (let i = 0; i < rivals; i++) start()
  await takeTurns(world, choose, () => {
    if (world.claimants.size === 0) copies.push(structuredClone(world.documents))
    if (putBacks > 0 && random() < 0.02) {
      putBacks -= 1
      putBack()
    } else if (kills > 0 && random() < 0.1) {
      kills -= 1
      kill(world.waiting[choose(world.waiting.length)]?.of ?? '')
    }
  })
  await assertExact(world)
}

const test = suite('MongoDB commits of rivals')

for (const [name, start] of Object.entries(starts)) {
  test(`of two rivals ${name} one wins, in every course`, async () => {
    const courses = await everyCourse(async (choose) => {
      const world = createWorld()
      assert.is(await race(world, start, choose), 1)
      await assertExact(world)
    })
    assert.ok(courses > 100, `${courses} courses`)
  })
}

test('crashes and copies put back cost no event, whoever else is at it', async () => {
  for (let i = 0; i < seeds; i++) {
    await turmoil(testSeed + i).catch((error) => {
      throw new Error(`seed ${testSeed + i}: ${error}`, { cause: error })
    })
  }
})

test('a claim that takes the others away would be found', async () => {
  const alone: Mistake = (filter, set) => {
    if (!Array.isArray(set.claim)) return [filter, set]
    const { claim: _, ...others } = filter
    return [others, { ...set, claim: set.claim.slice(-1) }]
  }
  const winners = new Set<number>()
  for (const start of Object.values(starts)) {
    await everyCourse(async (choose) => {
      winners.add(await race(createWorld(alone), start, choose))
    })
  }
  assert.ok(winners.has(0))
})

test('a move that does not ask for its claim would be found', async () => {
  const blind: Mistake = ({ claim: _, ...filter }, set) => [filter, set]
  let wrong = 0
  for (let i = 0; i < seeds; i++) await turmoil(i, blind).catch(() => wrong++)
  assert.ok(wrong > 0)
})

test.run()
