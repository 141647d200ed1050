import { readModels } from '../../projections/read-models/index.ts'
import type { Readiness } from '../../runtime/readiness.ts'
import { withReasons } from '../http/envelope.ts'
import { plainRoute, type Route } from '../http/route.ts'
import { list, object, oneOf, text } from '../http/schema.ts'

/** Answers while the process runs, even if the store fails. */
export const healthRoute = (): Route =>
  plainRoute({
    path: '/healthz',
    summary: 'Answers while the process is alive',
    answer: object({ status: oneOf(['ok'], 'Always `ok`') }),
    failures: [],
    read: async () => ({ status: 'ok' }),
  })

/** Ready when every read model can be read and is being updated, and the feed is listened to. */
export const readinessRoute = (readiness: Readiness): Route =>
  plainRoute({
    path: '/readyz',
    summary:
      'Whether every read model can be read and is being updated, and the feed is listened to; if ' +
      'not, the reasons',
    answer: object({
      status: oneOf(['ready'], 'Always `ready`; the answer is 503 if it is not'),
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
