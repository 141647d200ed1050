import { openEventStore, openReadModelStore } from '../../compose.ts'
import { TradelogError } from '../../domain/errors.ts'
import type { EventStore } from '../../event-store/event-store.ts'
import { originOf, type SkipTarget, skipOf } from '../../projections/skip.ts'
import type { ReadModelStore, Skip } from '../../read-model-store/read-model-store.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import { type Command, type CommandContext, exitCodes } from '../command.ts'
import { selectedModels } from '../select.ts'

export const skip: Command = {
  options: {
    why: { type: 'string' },
    list: { type: 'boolean' },
    undo: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  alternatives: [['list', 'undo', 'why']],
  takesNames: true,
  exitCodeWhenUnfinished: exitCodes.failed,
  run: async (context) => {
    const { flags, names } = context
    const targets = names.map(targetOf)
    const why = String(flags.why ?? '')
    const isAdding = flags.list !== true && flags.undo !== true
    if (flags.list === true && targets.length > 0)
      throw wrong('--list takes no names: it shows all')
    if (flags.list !== true && targets.length === 0)
      throw wrong('no event is named: name it as MODEL:PARTITION:OFFSET')
    if (isAdding && why.trim() === '') throw wrong('--why must say why the event is skipped')
    const readModelStore = await openReadModelStore(context)
    const eventStore = await openEventStore(context)
    const stores = { eventStore, readModelStore }
    if (flags.list === true) await list(context, stores)
    else if (flags.undo === true) await undo(context, stores, targets)
    else await add(context, stores, targets, why)
    return exitCodes.ok
  },
}

type Stores = Readonly<{ eventStore: EventStore; readModelStore: ReadModelStore }>

function targetOf(text: string): SkipTarget {
  const [, model = '', partition, offset] = /^([^:]+):([0-9]{1,9}):([0-9]{1,15})$/.exec(text) ?? []
  if (offset === undefined) throw wrong(`${text} is not of the form MODEL:PARTITION:OFFSET`)
  const [projection] = selectedModels({ model })
  if (projection === undefined) throw wrong(`no read model is called ${model}`)
  return { projection, partition: Number(partition), offset: Number(offset) }
}

/** Checks all of them before it records the first. */
async function add(
  { flags, print }: CommandContext,
  stores: Stores,
  targets: readonly SkipTarget[],
  why: string,
) {
  const skips: Skip[] = []
  for (const target of targets) {
    skips.push(await skipOf(stores, target, { why, at: Date.now() }))
    crashPoint('skip:judged')
  }
  for (const each of skips) {
    const isChanged = await stores.readModelStore.addSkip(each)
    crashPoint('skip:recorded')
    const line = isChanged
      ? `${nameOf(each)} is skipped; a projector that stopped there continues within seconds\n`
      : `${nameOf(each)} is skipped already\n`
    print(flags.json === true ? jsonLine(each, { isSkipped: true, isChanged }) : line)
  }
}

/** An undo that was killed can be run again: it removes the remaining skips. */
async function undo(
  { flags, print }: CommandContext,
  { eventStore, readModelStore }: Stores,
  targets: readonly SkipTarget[],
) {
  for (const target of targets) {
    const { partition, offset } = target
    const model = target.projection.name
    const origin = (await originOf(eventStore, target)) ?? ''
    crashPoint('skip:located')
    const position = { model, partition, offset, origin }
    const isChanged = await readModelStore.removeSkip(position)
    crashPoint('skip:removed')
    const line = isChanged
      ? `${nameOf(position)} is no longer skipped; now run: npm run replay -- --model ${model}\n`
      : `${nameOf(position)} is not skipped\n`
    print(flags.json === true ? jsonLine(position, { isSkipped: false, isChanged }) : line)
  }
}

async function list({ flags, print }: CommandContext, { eventStore, readModelStore }: Stores) {
  const origins = (await eventStore.heads()).map(({ origin }) => origin)
  const skips = await readModelStore.skips()
  if (skips.length === 0 && flags.json !== true) print('no event is skipped\n')
  for (const each of skips) {
    const isOfThisLog = origins[each.partition] === each.origin
    if (flags.json === true) print(`${JSON.stringify({ ...each, isOfThisLog })}\n`)
    else print(line(each, isOfThisLog))
  }
}

function line(skip: Skip, isOfThisLog: boolean): string {
  const at = new Date(skip.at).toISOString().slice(0, 19)
  return `${nameOf(skip)}  ${at}Z  ${skip.why}${isOfThisLog ? '' : '  (of another log)'}\n`
}

/** Whether the event is skipped now, and whether this command changed that. */
const jsonLine = (
  { model, partition, offset, origin }: Omit<Skip, 'why' | 'at'>,
  state: Readonly<{ isSkipped: boolean; isChanged: boolean }>,
): string => `${JSON.stringify({ model, partition, offset, origin, ...state })}\n`

const nameOf = ({ model, partition, offset }: Pick<Skip, 'model' | 'partition' | 'offset'>) =>
  `${model}:${partition}:${offset}`

const wrong = (message: string) => new TradelogError('CONFIG_INVALID', message)
