import { openEventStore, openReadModelStore } from '../compose.ts'
import { type Verification, verify as verifyModel } from '../verify/verify.ts'
import { type Command, exitCodes } from './command.ts'
import { modelOption, selectedModels } from './select.ts'

export const verify: Command = {
  exitCodeWhenUnfinished: exitCodes.refused,
  options: {
    ...modelOption,
    generation: { type: 'string' },
    json: { type: 'boolean' },
  },
  run: async (context) => {
    const { config, flags, signal, print } = context
    const models = selectedModels(flags)
    const eventStore = await openEventStore(context)
    const readModelStore = await openReadModelStore(context)
    const { generation } = flags
    const results: Verification[] = []
    for (const { name: model } of models) {
      const result = await verifyModel({
        model,
        generation: typeof generation === 'string' ? generation : undefined,
        eventStore,
        readModelStore,
        batchEventsMax: config.projection.batchEventsMax,
        signal,
      })
      await readModelStore.writeStatus(`verify:${model}`, result)
      print(flags.json === true ? `${JSON.stringify(result)}\n` : line(result))
      results.push(result)
    }
    return exitCodeOf(results)
  },
}

const line = ({
  model,
  result,
  detail,
  rowsCompared,
  differences,
  ...of
}: Verification): string => {
  const seconds = ((of.finishedAt - of.startedAt) / 1_000).toFixed(1)
  const skipped = of.eventsSkipped === 0 ? '' : `, ${of.eventsSkipped} skipped events left out`
  const counted = `${rowsCompared.toLocaleString('en')} rows in ${seconds} s${skipped}`
  if (result === 'equal') return `${model}: equal to the log (${counted})\n`
  if (result === 'could not check') return `${model}: could not check: ${detail}\n`
  const found = `${differences} of ${counted} differ`
  return `${model}: DIFFERENT from the log (${found}); the first:\n  ${detail}\n`
}

/** 0 equal, 1 different, 2 could not check; the worst of all models. */
const exitCodeOf = (results: readonly Verification[]): number => {
  if (results.some(({ result }) => result === 'could not check')) return exitCodes.refused
  return results.some(({ result }) => result === 'different') ? exitCodes.failed : exitCodes.ok
}
