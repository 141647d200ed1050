import { TradelogError } from '../domain/errors.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { Generation, ReadModelStore } from '../read-model-store/read-model-store.ts'
import type { VerifyStatus } from '../read-model-store/status.ts'
import { type Difference, describeDifference } from './difference.ts'
import { naiveFolds } from './folds/index.ts'
import type { LogReader } from './log-reader.ts'
import { readSkips, type Skips } from './skips.ts'
import { verifySeries } from './verify-series.ts'
import { verifyState } from './verify-state.ts'

export type VerifyOptions = Readonly<{
  model: string
  /** A generation's id; the active one unless given. */
  generation?: string | undefined
  eventStore: EventStore
  readModelStore: ReadModelStore
  batchEventsMax: number
  signal: AbortSignal
}>

/**
 * Compares one read model with an independent fold of the log, also while projectors run. An error
 * becomes the result `could not check`; it rejects only if its signal is aborted.
 */
export async function verify(options: VerifyOptions): Promise<VerifyStatus> {
  const { model } = options
  const startedAt = Date.now()
  let skips: Skips | undefined
  const answer = (
    generation: string,
    rest: Pick<VerifyStatus, 'result' | 'detail' | 'rowsCompared' | 'differences'>,
  ): VerifyStatus => ({
    kind: 'verify',
    model,
    generation,
    ...rest,
    eventsSkipped: skips?.honoured() ?? 0,
    startedAt,
    finishedAt: Date.now(),
  })
  let id = options.generation ?? ''
  try {
    const generation = await openGeneration(options)
    id = generation.info.id
    skips = await readSkips(model, options)
    const reader = { ...options, skips }
    const { rowsCompared, differences } = await compareGeneration(reader, generation)
    const [first] = differences
    if (first === undefined) {
      return answer(id, { result: 'equal', detail: null, rowsCompared, differences: 0 })
    }
    const detail = describeDifference(first)
    return answer(id, {
      result: 'different',
      detail,
      rowsCompared,
      differences: differences.length,
    })
  } catch (error) {
    options.signal.throwIfAborted()
    const detail = error instanceof Error ? error.message : String(error)
    return answer(id, { result: 'could not check', detail, rowsCompared: 0, differences: 0 })
  }
}

async function openGeneration(options: VerifyOptions): Promise<Generation> {
  const { model, readModelStore } = options
  const id = options.generation ?? (await readModelStore.pointer(model))?.active
  if (id !== undefined) return readModelStore.open(id)
  throw new TradelogError('READ_MODEL_NOT_FOUND', `${model} has no active generation yet`)
}

async function compareGeneration(
  reader: LogReader,
  generation: Generation,
): Promise<{ rowsCompared: number; differences: readonly Difference[] }> {
  const { model, version } = generation.info
  const fold = naiveFolds.find((naive) => naive.model === model)
  if (fold === undefined) {
    throw new TradelogError('VERSION_MISMATCH', `${model} has no naive fold in src/verify/folds`)
  }
  if (fold.version !== version) {
    throw new TradelogError(
      'VERSION_MISMATCH',
      `${model}: ${generation.info.id} has version ${version}, the naive fold ${fold.version}`,
    )
  }
  return fold.kind === 'series'
    ? verifySeries(fold, generation, reader)
    : verifyState(fold, generation, reader)
}
