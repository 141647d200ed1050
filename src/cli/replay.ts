import { openEventStore, openReadModelStore } from '../compose.ts'
import { replay as replayModels } from '../projections/replay.ts'
import type { ReplayStatus } from '../projections/status.ts'
import { type Command, type CommandContext, exitCodes } from './command.ts'
import { modelOption, selectedModels } from './select.ts'

export const replay: Command = {
  options: { ...modelOption, json: { type: 'boolean' } },
  run: async (context) => {
    const { config, flags, logger, signal, print } = context
    const projections = selectedModels(flags)
    const eventStore = await openEventStore(context)
    const readModelStore = await openReadModelStore(context)
    const results = await replayModels({
      projections,
      eventStore,
      readModelStore,
      batchEventsMax: config.projection.batchEventsMax,
      logger,
      signal,
      onProgress: progressPrinter(context),
    })
    for (const result of results) {
      const { model, generation, eventsApplied } = result
      const applied = eventsApplied.toLocaleString('en')
      if (flags.json === true) print(`${JSON.stringify({ kind: 'result', ...result })}\n`)
      else print(`${model}: rebuilt from ${applied} events as ${generation}\n`)
    }
    return exitCodes.ok
  },
}

/** Bars on a terminal, lines where the output is piped, JSON lines with `--json`. */
const progressPrinter = ({ flags, print }: CommandContext) => {
  if (flags.json === true) return (status: ReplayStatus) => print(`${JSON.stringify(status)}\n`)
  return (status: ReplayStatus) => print(`${progressLine(status)}\n`)
}

const progressLine = (status: ReplayStatus): string => {
  const { model, state, eventsDone, eventsTotal, eventsPerSecond, remainingMs } = status
  const done = `${eventsDone.toLocaleString('en')} of ${eventsTotal.toLocaleString('en')} events`
  const rate = `${eventsPerSecond.toLocaleString('en')}/s`
  const left = remainingMs === null ? '' : `, ${Math.ceil(remainingMs / 1_000)} s left`
  return `${model}: ${state}, ${done}, ${rate}${left}`
}
