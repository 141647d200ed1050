import type { Logger } from 'pino'
import { isRetriable, TradelogError } from '../../domain/errors.ts'
import type { ReadModel } from '../../projections/projection.ts'
import type { Generation, ReadModelStore, Row } from '../../read-model-store/read-model-store.ts'
import { countFailures, type Failures } from '../../runtime/backoff.ts'
import type { Named } from '../http/route.ts'

/** Reads the active generations of read models. */
export type ReadModelReader = Readonly<{
  /** Runs a read on the active generation of a read model; may retry it on the next one. */
  read: <R extends Row, T>(
    model: ReadModel<R>,
    signal: AbortSignal,
    read: (generation: Generation<R>) => Promise<T>,
  ) => Promise<T>
  /**
   * A text that changes with every commit to one of the models and with every promotion; undefined
   * if the store can't give it at once, or while a pointer is being looked up.
   */
  revision: (models: readonly Named[]) => string | undefined
}>

type Options = Readonly<{ store: ReadModelStore; logger: Logger; now?: () => number }>

/**
 * Follows the pointers: looks one up again when it is older than a second, or at once after a read
 * failed, since the generation may have been dropped. Rejects with `READ_MODEL_NOT_FOUND` while
 * no generation is active.
 */
export function readModelReader(options: Options): ReadModelReader {
  const generations = activeGenerations(options)
  const log = readability(options)

  // The rows stored under a projection's name are of that projection's type.
  const activeOf = <R extends Row>({ name }: ReadModel<R>) =>
    generations.active(name) as Promise<Generation<R>>
  const readWithRetry: ReadModelReader['read'] = async (model, signal, read) => {
    try {
      return await read(await activeOf(model))
    } catch (error) {
      if (signal.aborted || !isRetriable(error)) throw error
      generations.forget(model.name)
      return await read(await activeOf(model))
    }
  }
  const readAndLog: ReadModelReader['read'] = async (model, signal, read) => {
    try {
      const answer = await readWithRetry(model, signal, read)
      log.readable(model.name)
      return answer
    } catch (error) {
      if (!signal.aborted) log.unreadable(model.name, error)
      throw error
    }
  }
  const revisionOf = ({ name }: Named): string | undefined => {
    const generation = generations.known(name)
    if (generation?.revision === undefined) return undefined
    try {
      return `${generation.info.id} ${generation.revision()}`
    } catch {
      // The read that follows reports the error.
      return undefined
    }
  }
  const revision: ReadModelReader['revision'] = (models) => {
    const revisions = models.map(revisionOf)
    return revisions.includes(undefined) ? undefined : revisions.join(' ')
  }
  return { read: readAndLog, revision }
}

/** A promotion is seen after this time at the latest. */
const pointerAgeMsMax = 1_000

type Lookup = Readonly<{
  at: number
  generation: Promise<Generation>
  /** Set once the lookup has succeeded. */
  found: Generation | undefined
}>

function activeGenerations({ store, logger, now = () => performance.now() }: Options) {
  const lookups = new Map<string, Lookup>()
  const opened = new Map<string, Generation>()

  const find = async (model: string): Promise<Generation> => {
    const pointer = await store.pointer(model)
    if (pointer === undefined) throw notBuilt(model)
    const last = opened.get(model)
    if (last?.info.id === pointer.active) return last
    const generation = await store.open(pointer.active)
    opened.set(model, generation)
    logger.info({ model, generation: pointer.active }, 'reading generation')
    return generation
  }
  const forget = (model: string): void => {
    lookups.delete(model)
    opened.delete(model)
  }
  // The age counts from the start of a lookup, so a lookup that hangs doesn't block later ones.
  const isFresh = (last: Lookup | undefined): last is Lookup =>
    last !== undefined && now() - last.at < pointerAgeMsMax
  const active = (model: string): Promise<Generation> => {
    const last = lookups.get(model)
    if (isFresh(last)) return last.generation
    const generation = find(model)
    const lookup = { at: now(), generation, found: undefined }
    lookups.set(model, lookup)
    generation.then(
      (found) => Object.assign(lookup, { found }),
      () => forget(model),
    )
    return generation
  }
  const known = (model: string): Generation | undefined => {
    const last = lookups.get(model)
    return isFresh(last) ? last.found : undefined
  }
  return { active, known, forget }
}

/** Logs when a model stops being readable, and when it is for good, but no read in between. */
function readability({ logger, now = () => performance.now() }: Options) {
  const rows = new Map<string, Failures>()
  return {
    readable: (model: string): void => {
      if (rows.get(model)?.works()) logger.info({ model }, 'read model can be read again')
    },
    unreadable: (model: string, error: unknown): void => {
      const row = rows.get(model) ?? countFailures({ now })
      rows.set(model, row)
      if (row.failed() === 1) logger.warn({ model, err: error }, 'read model cannot be read')
    },
  }
}

const notBuilt = (model: string): TradelogError =>
  new TradelogError('READ_MODEL_NOT_FOUND', `read model ${model} is not built yet`, {
    fields: { model },
  })
