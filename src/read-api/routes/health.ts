import { readModels } from '../../projections/read-models/index.ts'
import type { Readiness } from '../../runtime/readiness.ts'
import { withReasons } from '../http/envelope.ts'
import { plainRoute, type Route } from '../http/route.ts'
import { list, object, oneOf, text } from '../http/schema.ts'

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
export const readinessRoute = (readiness: Readiness): Route =>
  plainRoute({
    path: '/readyz',
    summary: 'Whether every read model can be read and is being updated; the reasons if not',
    answer: object({
      status: oneOf(['ready'], 'Always'),
      read_models: list(text('Name of a read model')),
    }),
    failures: ['NOT_READY', 'TIMEOUT', 'INTERNAL_ERROR'],
    read: async () => {
      const reasons = await readiness()
      if (reasons.length === 0) return { status: 'ready', read_models: names }
      const message = reasons.map((reason) => `${reason.part}: ${reason.message}`).join('; ')
      throw withReasons('NOT_READY', message, reasons)
    },
  })

const names = readModels.map(({ name }) => name)
