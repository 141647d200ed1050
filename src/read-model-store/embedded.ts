import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TradelogError } from '../domain/errors.ts'
import { leaseHolder } from '../runtime/lmdb.ts'
import { type Catalogue, openCatalogue } from './embedded-catalogue.ts'
import { storeError } from './embedded-errors.ts'
import { type Gate, openGate } from './embedded-gate.ts'
import { type EmbeddedGeneration, openEmbeddedGeneration } from './embedded-generation.ts'
import { holdLease } from './embedded-lease.ts'
import { isGenerationId, newGenerationId } from './generation-id.ts'
import type { GenerationInfo, Lease, ReadModelStore } from './read-model-store.ts'

/** A status whose writer has been silent for so long is forgotten. */
const statusKeptMs = 24 * 60 * 60 * 1000

type Context = Readonly<{
  catalogue: Catalogue
  gate: Gate
  /** The folder of a generation. */
  folder: (id: string) => string
  directory: string
  opened: Map<string, EmbeddedGeneration>
  isClosed: () => boolean
}>

/**
 * Read models in a directory that several processes may use at once: `catalogue/` is one LMDB
 * environment, each generation another in a folder of its id. Rows and checkpoint are written in
 * one transaction. Not for network file systems.
 */
export const openEmbeddedReadModelStore = async ({
  directory,
}: {
  directory: string
}): Promise<ReadModelStore> => {
  let closing: Promise<void> | undefined
  const isClosed = () => closing !== undefined
  const catalogue = await openOrReject(() => openCatalogue(join(directory, 'catalogue')))
  const gate = openGate(() => (isClosed() ? storeClosed() : undefined))
  const opened = new Map<string, EmbeddedGeneration>()
  const folder = (id: string) => join(directory, id)
  const leases = new Set<Lease>()
  const context = { catalogue, gate, folder, directory, opened, isClosed }
  return {
    ...generationsOf(context),
    ...pointersOf(context),
    ...leasesOf(context, leases),
    ...statusesOf(context),
    close: () => {
      closing ??= closeAll(context, leases)
      return closing
    },
  }
}

const openOrReject = async <T>(open: () => T): Promise<T> => {
  try {
    return open()
  } catch (error) {
    throw await storeError(error)
  }
}

const closeAll = async ({ catalogue, gate, opened }: Context, leases: Iterable<Lease>) => {
  await gate.drained()
  await Promise.all([...leases].map((lease) => lease.release()))
  await Promise.all([...opened.values()].map((generation) => generation.close()))
  await catalogue.close()
}

const generationsOf = (
  context: Context,
): Pick<ReadModelStore, 'generations' | 'create' | 'open' | 'drop'> => {
  const { catalogue, gate } = context
  return {
    generations: (model) => gate.enter(() => listed(catalogue, model)),
    create: ({ model, version }) =>
      gate.enter(async () => {
        const { id, orphans } = register(context, model, version)
        await Promise.all(orphans.map((name) => removeFolder(context.folder(name))))
        return openGeneration(context, id)
      }),
    open: (id) => gate.enter(() => openGeneration(context, id)),
    drop: (id) =>
      gate.enter(async () => {
        await catalogue.generations.remove(id)
        await catalogue.durable()
        await forget(context, id)
        if (isGenerationId(id)) await removeFolder(context.folder(id))
      }),
  }
}

const listed = ({ generations }: Catalogue, model?: string): GenerationInfo[] =>
  [...generations.getRange({})]
    .map(({ value }) => value)
    .filter((info) => model === undefined || info.model === model)
    .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))

/**
 * Makes folder and entry under the catalogue's lock, so whatever folder is without an entry under
 * that lock is left over: of a process that died between the two, or in a drop.
 */
const register = ({ catalogue, directory, folder }: Context, model: string, version: number) =>
  catalogue.exclusively(() => {
    const newest = listed(catalogue).at(-1)?.createdAt ?? 0
    const createdAt = Math.max(Date.now(), newest + 1)
    const info = { id: newGenerationId(model, createdAt), model, version, createdAt }
    const orphans = readdirSync(directory).filter(
      (name) => isGenerationId(name) && !catalogue.generations.doesExist(name),
    )
    mkdirSync(folder(info.id))
    catalogue.generations.putSync(info.id, info)
    return { id: info.id, orphans }
  })

const openGeneration = async (context: Context, id: string): Promise<EmbeddedGeneration> => {
  await forgetDropped(context)
  const known = context.opened.get(id)
  if (known !== undefined) return known
  const { catalogue, folder, opened, isClosed } = context
  // Under the lock nobody can drop it meanwhile, so opening can't bring a folder back.
  return catalogue.exclusively(() => {
    const info = catalogue.generations.get(id)
    if (info === undefined || !existsSync(folder(id))) throw generationDropped(id)
    const refusal = () => {
      if (isClosed()) return storeClosed()
      return catalogue.generations.doesExist(id) ? undefined : generationDropped(id)
    }
    const generation = openEmbeddedGeneration(folder(id), info, openGate(refusal))
    opened.set(id, generation)
    return generation
  })
}

/** Generations that another process dropped keep their disk space until they are closed here. */
const forgetDropped = async (context: Context) => {
  const dropped = [...context.opened.keys()].filter(
    (id) => !context.catalogue.generations.doesExist(id),
  )
  await Promise.all(dropped.map((id) => forget(context, id)))
}

const forget = async ({ opened }: Context, id: string) => {
  const generation = opened.get(id)
  opened.delete(id)
  await generation?.close()
}

const removeFolder = (folder: string) => rm(folder, { recursive: true, force: true })

const pointersOf = ({ catalogue, gate }: Context): Pick<ReadModelStore, 'pointer' | 'promote'> => ({
  pointer: (model) => gate.enter(() => catalogue.pointers.get(model)),
  promote: (pointer, expected) =>
    gate.enter(async () => {
      const { pointers } = catalogue
      const promoted = await pointers.transaction(() => {
        if ((pointers.get(pointer.model)?.active ?? null) !== expected) return false
        pointers.put(pointer.model, pointer)
        return true
      })
      await catalogue.durable()
      return promoted
    }),
})

const leasesOf = (
  { catalogue, gate }: Context,
  held: Set<Lease>,
): Pick<ReadModelStore, 'lease' | 'leaseHolder'> => ({
  lease: (name, { ttlMs }) =>
    gate.enter(() => {
      const lease = holdLease(catalogue.leases, name, {
        ttlMs,
        onEnd: () => lease !== undefined && held.delete(lease),
      })
      if (lease !== undefined) held.add(lease)
      return lease
    }),
  leaseHolder: (name) => gate.enter(() => leaseHolder(catalogue.leases, name)),
})

const statusesOf = ({
  catalogue,
  gate,
}: Context): Pick<ReadModelStore, 'writeStatus' | 'statuses'> => ({
  writeStatus: (source, status) =>
    gate.enter(async () => {
      const { statuses } = catalogue
      await statuses.transaction(() => {
        const writtenAt = Date.now()
        const rows = [...statuses.getRange({})]
        const silent = rows.filter(({ value }) => value.writtenAt < writtenAt - statusKeptMs)
        for (const { key } of silent) statuses.remove(key)
        statuses.put(source, { writtenAt, status })
      })
    }),
  statuses: () =>
    gate.enter(() =>
      [...catalogue.statuses.getRange({})]
        .map(({ key, value }) => ({ source: key, ...value }))
        .sort((a, b) => b.writtenAt - a.writtenAt),
    ),
})

const storeClosed = () =>
  new TradelogError('READ_MODEL_STORE_CLOSED', 'the read-model store is closed')

const generationDropped = (id: string) =>
  new TradelogError('GENERATION_DROPPED', `generation ${id} is gone`, {
    fields: { generation: id },
  })
