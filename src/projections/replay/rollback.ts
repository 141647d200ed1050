import { hasCode, TradelogError } from '../../domain/errors.ts'
import type { Generation, ReadModelStore } from '../../read-model-store/read-model-store.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import type { Projection } from '../projection.ts'
import { withReplayLeases } from '../replay-lease.ts'
import type { Build } from './builder.ts'
import { buildAndPromote, type ReplayOptions, type ReplayResult } from './replay.ts'

/**
 * Promotes each model's former generation again, after bringing it up to date. Rejects with
 * `VERSION_MISMATCH` if this code folds another version. Stores the version that it goes back from,
 * so that no process rebuilds that version by itself until an operator runs a replay.
 */
export const rollback = (options: ReplayOptions): Promise<readonly ReplayResult[]> =>
  withReplayLeases(options.readModelStore, options.projections, async (assertHeld) => {
    const builds: Build[] = []
    const leftVersions = new Map<string, number>()
    for (const projection of options.projections) {
      const { former, active } = await generationsOf(options.readModelStore, projection)
      crashPoint('rollback:found')
      builds.push({ projection, generation: former })
      const { version } = active.info
      if (version !== former.info.version) leftVersions.set(projection.name, version)
    }
    return buildAndPromote(options, builds, assertHeld, leftVersions)
  })

async function generationsOf(store: ReadModelStore, { name, version }: Projection) {
  const pointer = await store.pointer(name)
  crashPoint('rollback:looked-up')
  if (pointer?.former == null) throw noFormer(name)
  const active = await store.open(pointer.active)
  crashPoint('rollback:active-opened')
  const former = await openFormer(store, name, pointer.former)
  crashPoint('rollback:former-opened')
  if (former.info.version === version) return { active, former }
  throw new TradelogError(
    'VERSION_MISMATCH',
    `${name}: its former generation ${former.info.id} has version ${former.info.version}, this ` +
      `code folds version ${version}; run the rollback with code of version ${former.info.version}`,
    { fields: { model: name, version, former: former.info.version } },
  )
}

async function openFormer(store: ReadModelStore, model: string, id: string): Promise<Generation> {
  try {
    return await store.open(id)
  } catch (error) {
    if (hasCode(error, 'GENERATION_DROPPED')) throw noFormer(model)
    throw error
  }
}

const noFormer = (model: string) =>
  new TradelogError('NO_FORMER_GENERATION', `${model} has no former generation to go back to`, {
    fields: { model },
  })
