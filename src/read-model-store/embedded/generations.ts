import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TradelogError } from '../../domain/errors.ts'
import type { UnixMs } from '../../domain/time.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import { isGenerationId, newGenerationId } from '../generation-id.ts'
import type { GenerationInfo, ReadModelStore } from '../read-model-store.ts'
import type { Catalogue } from './catalogue.ts'
import { type Gate, openGate } from './gate.ts'
import { type EmbeddedGeneration, openEmbeddedGeneration } from './generation.ts'

type Options = Readonly<{
  directory: string
  catalogue: Catalogue
  gate: Gate
  /** Why the store refuses every call, if it does. */
  refusal: () => TradelogError | undefined
  now: () => UnixMs
}>

type Context = Options & Readonly<{ opened: Map<string, EmbeddedGeneration> }>

type Generations = Pick<ReadModelStore, 'generations' | 'create' | 'open' | 'drop'> &
  Readonly<{ closeOpened: () => Promise<void> }>

/** The generations of a directory: their entries in the catalogue, and a folder each. */
export function openGenerations(options: Options): Generations {
  const opened = new Map<string, EmbeddedGeneration>()
  const context = { ...options, opened }
  const { catalogue, directory, gate } = options
  return {
    generations: (model) => gate.enter(() => listed(catalogue, model)),
    create: (generation) =>
      gate.enter(async () => {
        const { id, orphans } = await register(context, generation)
        crashPoint('generation:registered')
        await Promise.all(orphans.map((name) => removeFolder(directory, name)))
        crashPoint('generation:orphans-removed')
        return openGeneration(context, id)
      }),
    open: (id) => gate.enter(() => openGeneration(context, id)),
    drop: (id) =>
      gate.enter(async () => {
        crashPoint('generation:to-drop')
        await catalogue.generations.remove(id)
        crashPoint('generation:entry-removed')
        await closeGeneration(context, id)
        crashPoint('generation:closed')
        if (isGenerationId(id)) await removeFolder(directory, id)
      }),
    closeOpened: async () => {
      await Promise.all([...opened.values()].map((generation) => generation.close()))
    },
  }
}

const listed = ({ generations }: Catalogue, model?: string): GenerationInfo[] =>
  [...generations.getRange({})]
    .map(({ value }) => value)
    .filter((info) => model === undefined || info.model === model)
    .sort((a, b) => a.createdAt - b.createdAt)

/**
 * Makes folder and entry under the catalogue's lock. So a folder that has no entry under that lock
 * is left over from a process that died between the two, or in a drop.
 */
const register = (
  { catalogue, directory, now }: Context,
  { model, version, kind }: Parameters<ReadModelStore['create']>[0],
) =>
  catalogue.exclusively(() => {
    const newest = listed(catalogue).at(-1)?.createdAt ?? 0
    const createdAt = Math.max(now(), newest + 1)
    const id = newGenerationId(model, createdAt)
    const orphans = readdirSync(directory).filter(
      (name) => isGenerationId(name) && !catalogue.generations.doesExist(name),
    )
    mkdirSync(join(directory, id))
    crashPoint('generation:folder-made')
    catalogue.generations.putSync(id, { id, model, version, createdAt, kind })
    return { id, orphans }
  })

async function openGeneration(context: Context, id: string): Promise<EmbeddedGeneration> {
  await closeDropped(context)
  const { catalogue, opened } = context
  const known = opened.get(id)
  if (known !== undefined) return known
  // Under the lock no process can drop it meanwhile, so opening can't bring a folder back.
  return catalogue.exclusively(() => {
    const sinceOpened = opened.get(id)
    if (sinceOpened !== undefined) return sinceOpened
    const folder = join(context.directory, id)
    const entry = catalogue.generations.get(id)
    if (entry === undefined || !existsSync(folder)) throw generationDropped(id)
    const gate = openGate(
      context.directory,
      () => context.refusal() ?? droppedRefusal(catalogue, id),
    )
    const generation = openEmbeddedGeneration(folder, entry, gate)
    opened.set(id, generation)
    return generation
  })
}

/** A generation that another process dropped uses its disk space until it is closed here. */
async function closeDropped(context: Context) {
  const { catalogue, opened } = context
  const dropped = [...opened.keys()].filter((id) => !catalogue.generations.doesExist(id))
  await Promise.all(dropped.map((id) => closeGeneration(context, id)))
}

async function closeGeneration({ opened }: Context, id: string) {
  const generation = opened.get(id)
  opened.delete(id)
  await generation?.close()
}

const removeFolder = (directory: string, name: string) =>
  rm(join(directory, name), { recursive: true, force: true })

const droppedRefusal = ({ generations }: Catalogue, id: string): TradelogError | undefined =>
  generations.doesExist(id) ? undefined : generationDropped(id)

const generationDropped = (id: string) =>
  new TradelogError('GENERATION_DROPPED', `generation ${id} is gone`, {
    fields: { generation: id },
  })
