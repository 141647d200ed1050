import type { Logger } from 'pino'
import { isRetriable, TradelogError } from '../domain/errors.ts'
import type { Generation, ReadModelStore } from '../read-model-store/read-model-store.ts'

/** Runs a read on the active generation of a read model; may run it again on the next one. */
export type ReadModelReader = <T>(
  model: string,
  signal: AbortSignal,
  read: (generation: Generation) => Promise<T>,
) => Promise<T>

type Options = Readonly<{ store: ReadModelStore; logger: Logger; now?: () => number }>

/**
 * Follows the pointers: looks one up again when it is older than a second, or at once after a read
 * failed, since the generation may have been dropped. Rejects with `READ_MODEL_NOT_FOUND` while
 * no generation is active.
 */
export const readModelReader = (options: Options): ReadModelReader => {
  const generations = activeGenerations(options)
  const log = readability(options.logger)

  const readAgain: ReadModelReader = async (model, signal, read) => {
    try {
      return await read(await generations.active(model))
    } catch (error) {
      if (signal.aborted || !isRetriable(error)) throw error
      generations.forget(model)
      return await read(await generations.active(model))
    }
  }
  return async (model, signal, read) => {
    try {
      const answer = await readAgain(model, signal, read)
      log.readable(model)
      return answer
    } catch (error) {
      if (!signal.aborted) log.unreadable(model, error)
      throw error
    }
  }
}

/** How long a promotion may stay unseen. */
const pointerAgeMsMax = 1_000

type Lookup = Readonly<{ at: number; generation: Promise<Generation> }>

const activeGenerations = ({ store, logger, now = () => performance.now() }: Options) => {
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
  // The age counts from the start of a lookup, so one that hangs doesn't hang those after it.
  const active = (model: string): Promise<Generation> => {
    const last = lookups.get(model)
    if (last !== undefined && now() - last.at < pointerAgeMsMax) return last.generation
    const generation = find(model)
    lookups.set(model, { at: now(), generation })
    generation.catch(() => forget(model))
    return generation
  }
  return { active, forget }
}

/** Logs when a model stops and starts being readable, not every failed read in between. */
const readability = (logger: Logger) => {
  const unreadable = new Set<string>()
  return {
    readable: (model: string): void => {
      if (unreadable.delete(model)) logger.info({ model }, 'read model can be read again')
    },
    unreadable: (model: string, error: unknown): void => {
      if (unreadable.has(model)) return
      unreadable.add(model)
      logger.warn({ model, err: error }, 'read model cannot be read')
    },
  }
}

const notBuilt = (model: string): TradelogError =>
  new TradelogError('READ_MODEL_NOT_FOUND', `read model ${model} is not built yet`, {
    fields: { model },
  })
