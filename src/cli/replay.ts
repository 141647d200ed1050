import { openEventStore, openReadModelStore } from '../compose.ts'
import { type DryRunResult, dryRun } from '../projections/dry-run.ts'
import { type ReplayResult, replay as replayModels } from '../projections/replay.ts'
import { rollback } from '../projections/rollback.ts'
import { type Command, type CommandContext, exitCodes } from './command.ts'
import { progressPrinter } from './replay-progress.ts'
import { modelOption, selectedModels } from './select.ts'

export const replay: Command = {
  options: {
    ...modelOption,
    'dry-run': { type: 'boolean' },
    rollback: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  run: async (context) => {
    const { config, flags, logger, signal } = context
    const projections = selectedModels(flags)
    const eventStore = await openEventStore(context)
    const readModelStore = await openReadModelStore(context)
    const options = {
      projections,
      eventStore,
      readModelStore,
      batchEventsMax: config.projection.batchEventsMax,
      logger,
      signal,
      onProgress: progressPrinter(context),
    }
    if (flags['dry-run'] === true) printAll(context, await dryRun(options), changesLine)
    else if (flags.rollback === true) printAll(context, await rollback(options), rollbackLine)
    else printAll(context, await replayModels(options), replayLine)
    return exitCodes.ok
  },
}

const printAll = <T extends object>(
  { flags, print }: CommandContext,
  results: readonly T[],
  line: (result: T) => string,
) => {
  for (const result of results) {
    print(flags.json === true ? `${JSON.stringify({ kind: 'result', ...result })}\n` : line(result))
  }
}

const replayLine = ({ model, generation, eventsApplied }: ReplayResult): string =>
  `${model}: rebuilt from ${eventsApplied.toLocaleString('en')} events, now serving ${generation}\n`

const rollbackLine = ({ model, generation, former }: ReplayResult): string =>
  `${model}: back on ${generation}; ${former} is kept\n`

const changesLine = ({ model, rows, added, removed, changed, first }: DryRunResult): string => {
  const counts = `${added} added, ${removed} removed, ${changed} changed`
  const line = `${model}: a replay would give ${rows.toLocaleString('en')} rows: ${counts}\n`
  if (first === null) return line
  const { key, before, after } = first
  return `${line}  ${key}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}\n`
}
