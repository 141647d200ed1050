import { openEventStore, openReadModelStore } from '../../compose.ts'
import { TradelogError } from '../../domain/errors.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import type { VerifyStatus } from '../../read-model-store/status.ts'
import { verify as verifyModel } from '../../verify/verify.ts'
import { type Command, exitCodes, type Flags } from '../command.ts'
import { modelOption, selectedModels } from '../select.ts'

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
    const generation = generationOf(flags, models)
    const eventStore = await openEventStore(context)
    const readModelStore = await openReadModelStore(context)
    if (generation !== undefined) await refuseForeign(readModelStore, generation)
    const results: VerifyStatus[] = []
    for (const { name: model } of models) {
      const result = await verifyModel({
        model,
        generation: generation?.id,
        eventStore,
        readModelStore,
        batchEventsMax: config.projection.batchEventsMax,
        signal,
      })
      if (generation === undefined || (await isServed(readModelStore, generation))) {
        await readModelStore.writeStatus(`verify:${model}`, result)
      }
      print(flags.json === true ? `${JSON.stringify(result)}\n` : line(result))
      results.push(result)
    }
    return exitCodeOf(results)
  },
}

type Named = Readonly<{ model: string; id: string }>

function generationOf(
  { model, generation }: Flags,
  [selected, ...others]: ReturnType<typeof selectedModels>,
): Named | undefined {
  if (generation === undefined) return undefined
  if (model !== undefined && selected !== undefined && others.length === 0) {
    return { model: selected.name, id: String(generation) }
  }
  throw refused('--generation needs exactly one read model: name it by --model')
}

async function refuseForeign(store: ReadModelStore, { model, id }: Named): Promise<void> {
  const generations = await store.generations(model)
  if (generations.some((known) => known.id === id)) return
  const known = generations.map((generation) => generation.id).join(', ') || 'none'
  throw refused(`${model} has no generation ${id}; there are ${known}`)
}

const refused = (message: string): TradelogError => new TradelogError('CONFIG_INVALID', message)

/** The API shows only verifications of the active generation. */
const isServed = async (store: ReadModelStore, { model, id }: Named): Promise<boolean> =>
  (await store.pointer(model))?.active === id

function line({ model, result, detail, rowsCompared, differences, ...of }: VerifyStatus): string {
  const seconds = ((of.finishedAt - of.startedAt) / 1_000).toFixed(1)
  const skipped = of.eventsSkipped === 0 ? '' : `, ${of.eventsSkipped} events skipped`
  const counted = `${rowsCompared.toLocaleString('en')} rows in ${seconds} s${skipped}`
  if (result === 'equal') return `${model}: equal to the log (${counted})\n`
  if (result === 'could not check') return `${model}: could not check: ${detail}\n`
  const found = `${differences} of ${counted} differ`
  return `${model}: DIFFERENT from the log (${found}); the first:\n  ${detail}\n`
}

/** 0 equal, 1 different, 2 could not check; the worst of all models. */
function exitCodeOf(results: readonly VerifyStatus[]): number {
  if (results.some(({ result }) => result === 'could not check')) return exitCodes.refused
  return results.some(({ result }) => result === 'different') ? exitCodes.failed : exitCodes.ok
}
