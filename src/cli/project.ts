import { openEventStore, openReadModelStore, processName } from '../compose.ts'
import { startProjectRole } from '../projections/project-role.ts'
import type { Command } from './command.ts'
import { serveOperations } from './operations.ts'
import { modelOption, selectedModels } from './select.ts'

export const project: Command = {
  options: modelOption,
  run: async (context) => {
    const { config, flags, life, logger } = context
    const projections = selectedModels(flags)
    const eventStore = await openEventStore(context)
    const readModelStore = await openReadModelStore(context)
    const role = life.own(
      startProjectRole({
        projections,
        eventStore,
        readModelStore,
        batchEventsMax: config.projection.batchEventsMax,
        processName,
        logger,
      }),
    )
    await serveOperations(context, role.readiness)
    logger.info({ models: projections.map(({ name }) => name) }, 'project role started')
    return 'until stopped'
  },
}
