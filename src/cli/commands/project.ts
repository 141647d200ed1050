import { openEventStore, openReadModelStore, processName, whenReachable } from '../../compose.ts'
import type { EventStore } from '../../event-store/event-store.ts'
import { startProjectRole } from '../../projections/live/project-role.ts'
import type { Projection } from '../../projections/projection.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { scheduleVerify } from '../../verify/schedule.ts'
import type { Command, CommandContext } from '../command.ts'
import { serveOperations } from '../operations.ts'
import { automaticThreadsBeside, replayThreads } from '../replay-threads.ts'
import { modelOption, selectedModels } from '../select.ts'

export const project: Command = {
  options: modelOption,
  run: async (context) => {
    const projections = selectedModels(context.flags)
    const { metrics, begin } = await serveOperations(context)
    const eventStore = await whenReachable(openEventStore, context)
    const readModelStore = await whenReachable(openReadModelStore, context)
    begin(runProject(context, metrics, projections, eventStore, readModelStore).readiness)
    return 'until stopped'
  },
}

/** Starts the projectors and, unless it is off, the scheduled verification. */
export function runProject(
  { config, life, logger }: CommandContext,
  metrics: Metrics,
  projections: readonly Projection[],
  eventStore: EventStore,
  readModelStore: ReadModelStore,
) {
  const { batchEventsMax } = config.projection
  const { everyMs } = config.verify
  const stores = { eventStore, readModelStore, batchEventsMax }
  const foldInThreads = replayThreads(config, automaticThreadsBeside())
  const role = life.own(
    startProjectRole({ ...stores, projections, processName, metrics, logger, foldInThreads }),
  )
  if (everyMs !== 'off') {
    const models = projections.map(({ name }) => name)
    life.own(scheduleVerify({ ...stores, models, everyMs, logger }))
  }
  return role
}
