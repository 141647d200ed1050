import { hasCode } from '../../src/domain/errors.ts'
import { readModels } from '../../src/projections/read-models/index.ts'
import { storePair } from '../support/store-pair.ts'
import { bury } from './burial.ts'
import { type CommandLine, finishHere, type Outcome, runArmed } from './program.ts'
import {
  assertBroughtBack,
  assertFileOnce,
  assertVerified,
  builtStage,
  caughtUp,
  emptyStage,
  isCaughtUp,
  liveStage,
  longStage,
  poisonedStage,
  rejected,
  rejectsStage,
  type Stage,
} from './stage.ts'

/** Work in a process that may be killed, and is then repeated to its end. */
export type Scenario = Readonly<{
  name: string
  open: (seed: number) => Promise<Stage>
  /** Whether a stage can be used only once. */
  isOnce: boolean
  /** Sets up the stage; `random` decides what earlier processes have left behind. */
  prepare: (stage: Stage, random: () => number) => Promise<void>
  /** Runs in a new process; frees everything that a killed one held. */
  attempt: (stage: Stage, at?: string) => Promise<Outcome>
  /** Repeats the work without a kill; then everything has to be right. */
  finish: (stage: Stage) => Promise<void>
}>

const start: Scenario = {
  name: 'start',
  open: emptyStage,
  isOnce: true,
  prepare: async () => {},
  attempt: async (stage, at) => {
    const outcome = await runArmed(['start'], stage.settings, { at, done: () => isCaughtUp(stage) })
    await bury(stage.settings, outcome.pid, 'groups')
    return outcome
  },
  finish: async (stage) => {
    await runArmed(['start'], stage.settings, { done: () => isCaughtUp(stage) })
    await assertFileOnce(stage)
    await assertVerified(stage)
  },
}

const circumstances = new Map([
  [liveStage, ['beside projectors']],
  [longStage, ['in threads']],
])

const commandOn = (
  line: CommandLine,
  { open, prepare }: Pick<Scenario, 'open' | 'prepare'>,
): Scenario => ({
  name: [...line, ...(circumstances.get(open) ?? [])].join(' '),
  open,
  isOnce: false,
  prepare,
  attempt: async (stage, at) => {
    const outcome = await runArmed(line, stage.settings, { at })
    await bury(stage.settings, outcome.pid, 'leases only')
    return outcome
  },
  finish: async (stage) => {
    await finishHere(line, stage.settings)
    await caughtUp(stage)
    await assertVerified(stage)
  },
})

/** Unfinished builds of earlier replays: the last is continued, the others are removed. */
const withLeftBuilds: Scenario['prepare'] = async ({ stores }, random) => {
  for (const { name: model, version, kind } of readModels) {
    const left = Math.floor(random() * 3)
    for (let i = 0; i < left; i++) await stores.readModelStore.create({ model, version, kind })
  }
}

/** A former generation is kept for a minute and until a replay, which may have dropped it. */
const withFormer: Scenario['prepare'] = async ({ stores: { readModelStore }, settings }) => {
  for (const { name } of readModels) {
    const pointer = await readModelStore.pointer(name)
    try {
      await readModelStore.open(pointer?.former ?? '')
    } catch (error) {
      if (!hasCode(error, 'GENERATION_DROPPED')) throw error
      return finishHere(['replay'], settings)
    }
  }
}

const asItIs: Scenario['prepare'] = async () => {}

/** Names the unreadable event, for every model. */
function skipping({ poison }: Stage, ...flags: string[]): CommandLine {
  const position = `${poison?.partition}:${poison?.offset}`
  return ['skip', ...readModels.map(({ name }) => `${name}:${position}`), ...flags]
}

const skipHere = (stage: Stage) =>
  finishHere(skipping(stage, '--why', 'nobody can read it'), stage.settings)

async function rebuilt(stage: Stage): Promise<void> {
  await skipHere(stage)
  await finishHere(['replay'], stage.settings)
  await assertVerified(stage)
}

const skip: Scenario = {
  name: 'skip',
  open: poisonedStage,
  isOnce: false,
  prepare: async ({ stores: { readModelStore } }) => {
    for (const each of await readModelStore.skips()) await readModelStore.removeSkip(each)
  },
  attempt: (stage, at) =>
    runArmed(skipping(stage, '--why', 'nobody can read it'), stage.settings, { at }),
  finish: rebuilt,
}

const skipUndone: Scenario = {
  ...skip,
  name: 'skip --undo',
  prepare: skipHere,
  attempt: (stage, at) => runArmed(skipping(stage, '--undo'), stage.settings, { at }),
}

const replayRejects: CommandLine = ['rejects', '--replay']

/** What each stage has rejected so far. */
const rejectedOn = new WeakMap<Stage, { prices: readonly string[]; others: number }>()

const rejects: Scenario = {
  name: replayRejects.join(' '),
  open: rejectsStage,
  isOnce: false,
  prepare: async (stage) => {
    const { prices, others } = rejectedOn.get(stage) ?? { prices: [], others: 0 }
    const more = rejected(stage, prices.length + 1)
    rejectedOn.set(stage, { prices: [...prices, ...more], others: others + 1 })
  },
  attempt: async (stage, at) => {
    const outcome = await runArmed(replayRejects, stage.settings, { at })
    await bury(stage.settings, outcome.pid, 'groups')
    return outcome
  },
  finish: async (stage) => {
    await finishHere(replayRejects, stage.settings)
    const { prices = [], others = 0 } = rejectedOn.get(stage) ?? {}
    await assertBroughtBack(stage, prices, others)
  },
}

export const scenarios: readonly Scenario[] = [
  start,
  commandOn(['replay'], { open: builtStage, prepare: withLeftBuilds }),
  commandOn(['replay', '--rollback'], { open: builtStage, prepare: withFormer }),
  commandOn(['replay', '--dry-run'], { open: builtStage, prepare: asItIs }),
  commandOn(['replay'], { open: liveStage, prepare: asItIs }),
  // A log long enough for threads is too long for the stand-in of MongoDB.
  ...(storePair.readModelStore === 'embedded'
    ? [commandOn(['replay'], { open: longStage, prepare: asItIs })]
    : []),
  skip,
  skipUndone,
  rejects,
]
