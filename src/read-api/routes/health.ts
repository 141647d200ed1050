import type { UnixMs } from '../../domain/trade-executed.ts'
import { readModels } from '../../projections/read-models/index.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import { failureOf, type Reason, withReasons } from '../envelope.ts'
import { plainRoute, type Route } from '../route.ts'
import { list, object, oneOf, text } from '../schema.ts'
import { generationStatus, readStatuses } from '../statuses.ts'
import { isoOf } from '../time.ts'

/** Answers while the process lives, whatever becomes of the store. */
export const healthRoute = (): Route =>
  plainRoute({
    path: '/healthz',
    summary: 'Whether the process lives',
    answer: object({ status: oneOf(['ok'], 'Always') }),
    failures: [],
    read: async () => ({ status: 'ok' }),
  })

/** Ready when the store answers and every read model is built and being updated. */
export const readinessRoute = (store: ReadModelStore, now: () => UnixMs): Route => {
  const firstSeen = new Map<string, number>()
  return plainRoute({
    path: '/readyz',
    summary: 'Whether every read model can be read and is being updated; the reasons if not',
    answer: object({
      status: oneOf(['ready'], 'Always'),
      read_models: list(text('Name of a read model')),
    }),
    failures: ['NOT_READY', 'TIMEOUT', 'INTERNAL_ERROR'],
    read: async () => {
      const problems = await problemsOf(store, now())
      const reasons = problems.map((problem) => withTime(problem, firstSeen, now()))
      forgetOthers(firstSeen, problems)
      if (reasons.length === 0) return { status: 'ready', read_models: names }
      const message = reasons.map((reason) => `${reason.part}: ${reason.message}`).join('; ')
      throw withReasons('NOT_READY', message, reasons)
    },
  })
}

const names = readModels.map(({ name }) => name)

type Problem = Readonly<{ part: string; message: string; since: number | null }>

const problemsOf = async (store: ReadModelStore, now: number): Promise<readonly Problem[]> => {
  try {
    const statuses = await readStatuses(store, now)
    const problems = await Promise.all(
      names.map(async (name) => {
        const pointer = await store.pointer(name)
        if (pointer === undefined) return problem(name, 'is not built yet', null)
        const { state, since, error } = generationStatus(statuses, pointer, now)
        if (state === 'frozen') return problem(name, 'is not being updated', since)
        if (state !== 'stopped') return undefined
        const why = error === null ? 'no error given' : `${error.code}: ${error.message}`
        return problem(name, `stopped: ${why}`, since)
      }),
    )
    return problems.filter((problem) => problem !== undefined)
  } catch (error) {
    const { status, message } = failureOf(error)
    if (status !== 503) throw error
    return [{ part: 'read-model store', message, since: null }]
  }
}

const problem = (model: string, message: string, since: number | null): Problem => ({
  part: `read model ${model}`,
  message,
  since,
})

/** Where nothing says since when, it is since this process noticed. */
const withTime = (
  { part, message, since }: Problem,
  firstSeen: Map<string, number>,
  now: number,
): Reason => {
  const noticed = firstSeen.get(part) ?? now
  firstSeen.set(part, noticed)
  return { part, message, since: isoOf(since ?? noticed) ?? '' }
}

const forgetOthers = (firstSeen: Map<string, number>, problems: readonly Problem[]): void => {
  const parts = new Set(problems.map(({ part }) => part))
  for (const part of firstSeen.keys()) if (!parts.has(part)) firstSeen.delete(part)
}
