import { TradelogError } from '../../src/domain/errors.ts'
import type { Generation, ReadModelStore } from '../../src/read-model-store/read-model-store.ts'

export type Fault = 'none' | 'away' | 'hanging' | 'broken'

export type FaultyStore = ReadModelStore & {
  fault: Fault
  /** The signals of the reads that hang. */
  readonly signals: AbortSignal[]
  /** How often each method was called. */
  readonly calls: Map<string, number>
}

/** A store that can fail under a running API, and recover. */
export function faultyReadModelStore(store: ReadModelStore): FaultyStore {
  const signals: AbortSignal[] = []
  const calls = new Map<string, number>()
  const faults = { fault: 'none' as Fault, signals, calls }

  const guarded = async <T>(name: string, call: () => Promise<T>, signal?: AbortSignal) => {
    calls.set(name, (calls.get(name) ?? 0) + 1)
    if (faults.fault === 'away') {
      throw new TradelogError('READ_MODEL_STORE_UNAVAILABLE', 'mongodb://secret@host is away')
    }
    if (faults.fault === 'broken') throw new TypeError('cannot read secret of undefined')
    if (faults.fault !== 'hanging') return await call()
    if (signal !== undefined) signals.push(signal)
    return await new Promise<T>(() => {})
  }
  const generation = (inner: Generation): Generation => ({
    info: inner.info,
    checkpoint: () => guarded('checkpoint', () => inner.checkpoint()),
    read: (keys, signal) => guarded('read', () => inner.read(keys, signal), signal),
    commit: (commit) => inner.commit(commit),
    page: (options) => guarded('page', () => inner.page(options), options.signal),
    count: (signal) => guarded('count', () => inner.count(signal), signal),
    scan: async function* (options) {
      await guarded('scan', async () => {}, options?.signal)
      yield* inner.scan(options)
    },
    revision: () => {
      calls.set('revision', (calls.get('revision') ?? 0) + 1)
      if (faults.fault !== 'none') throw new TypeError('cannot read secret of undefined')
      return inner.revision?.() ?? ''
    },
  })
  return Object.assign(faults, {
    generations: (model?: string) => guarded('generations', () => store.generations(model)),
    create: store.create,
    open: (id: string) => guarded('open', async () => generation(await store.open(id))),
    drop: store.drop,
    pointer: (model: string) => guarded('pointer', () => store.pointer(model)),
    promote: store.promote,
    lease: store.lease,
    leaseHolder: store.leaseHolder,
    skips: store.skips,
    addSkip: store.addSkip,
    removeSkip: store.removeSkip,
    writeStatus: store.writeStatus,
    statuses: () => guarded('statuses', () => store.statuses()),
    close: store.close,
  })
}
