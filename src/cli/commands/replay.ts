import { openEventStore, openReadModelStore } from '../../compose.ts'
import { type DryRunResult, dryRun } from '../../projections/replay/dry-run.ts'
import { type ReplayResult, replay as replayModels } from '../../projections/replay/replay.ts'
import { rollback } from '../../projections/replay/rollback.ts'
import { type Command, type CommandContext, exitCodes, type Flags } from '../command.ts'
import { loggerOf } from '../log.ts'
import { type Bars, createBars, progressLine } from '../replay-progress.ts'
import { automaticThreads, replayThreads } from '../replay-threads.ts'
import { modelOption, selectedModels } from '../select.ts'

export const replay: Command = {
  exitCodeWhenUnfinished: exitCodes.failed,
  options: {
    ...modelOption,
    'dry-run': { type: 'boolean' },
    rollback: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  alternatives: [['dry-run', 'rollback']],
  run: async (context) => {
    const progress = progressOf(context)
    try {
      const lines = await linesOf({ ...context, logger: progress.logger }, progress.show)
      progress.end()
      context.print(lines.join(''))
      return exitCodes.ok
    } finally {
      progress.end()
    }
  },
}

/** Does what the flags ask for, and returns the result line of each model. */
async function linesOf(
  context: CommandContext,
  onProgress: Progress['show'],
): Promise<readonly string[]> {
  const { config, flags, logger, signal } = context
  const projections = selectedModels(flags)
  const eventStore = await openEventStore(context)
  const readModelStore = await openReadModelStore(context)
  const { batchEventsMax } = config.projection
  const stores = { eventStore, readModelStore, batchEventsMax }
  const foldInThreads = replayThreads(config, automaticThreads())
  const options = { ...stores, projections, logger, signal, onProgress, foldInThreads }
  if (flags['dry-run'] === true) return (await dryRun(options)).map(lineOf(flags, changesLine))
  if (flags.rollback === true) return (await rollback(options)).map(lineOf(flags, rollbackLine))
  return (await replayModels(options)).map(lineOf(flags, replayLine))
}

type Progress = Pick<Bars, 'show' | 'end'> & Pick<CommandContext, 'logger'>

/** A bar for each model on a terminal, a line each second in a pipe, or JSON lines. */
function progressOf({ config, flags, logger, print }: CommandContext): Progress {
  const { stdout, stderr } = process
  if (flags.json === true || !stdout.isTTY) {
    const textOf = flags.json === true ? JSON.stringify : progressLine
    return { show: (status) => print(`${textOf(status)}\n`), end: () => {}, logger }
  }
  const bars = createBars(print, () => stdout.columns)
  const log = (text: string) => bars.above(() => stderr.write(text))
  return { ...bars, logger: stderr.isTTY ? loggerOf(config, log) : logger }
}

const lineOf =
  <T extends object>(flags: Flags, line: (result: T) => string) =>
  (result: T): string =>
    flags.json === true ? `${JSON.stringify({ kind: 'result', ...result })}\n` : line(result)

const replayLine = ({ model, generation, eventsApplied }: ReplayResult): string =>
  `${model}: rebuilt, ${eventsApplied.toLocaleString('en')} events applied, now serving ${generation}\n`

const rollbackLine = ({ model, generation, former }: ReplayResult): string =>
  `${model}: now serving ${generation} again; ${former} is kept\n`

function changesLine({ model, rows, added, removed, changed, first }: DryRunResult): string {
  const counts = `${added} added, ${removed} removed, ${changed} changed`
  const line = `${model}: a replay would give ${rows.toLocaleString('en')} rows: ${counts}\n`
  if (first === null) return line
  const { key, before, after } = first
  return `${line}  ${key}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}\n`
}
