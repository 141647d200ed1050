import { setImmediate as nextTurn } from 'node:timers/promises'
import { closeOnce } from '../../runtime/close-once.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import { openLmdb, transact } from '../../runtime/lmdb.ts'
import type { Key } from '../key.ts'
import type {
  Checkpoint,
  Commit,
  Generation,
  GenerationInfo,
  Guard,
  PageOptions,
  PartitionCheckpoint,
  Row,
  RowCount,
  SeriesWrite,
  StateWrite,
  StoredRow,
} from '../read-model-store.ts'
import type { Gate } from './gate.ts'

/** Rows of a scan between two turns of the event loop: about a millisecond. */
const scanRowsMax = 1000

/** As stored: a series row is its value alone, a state row the JSON of a `StateEntry`. */
type Stored = Row | string
type StateEntry = readonly [guard: Guard, count: number, value: Row]

export type EmbeddedGeneration = Generation & Readonly<{ close: () => Promise<void> }>

/** Opens the environment of one generation. Rows and checkpoint change in one transaction. */
export function openEmbeddedGeneration(
  directory: string,
  info: GenerationInfo,
  gate: Gate,
): EmbeddedGeneration {
  const tables = openTables(directory, info)
  const revision = revisionIn(tables)
  return {
    info,
    checkpoint: () => gate.enter(() => checkpointIn(tables)),
    read: async (keys, signal) => {
      signal?.throwIfAborted()
      return gate.enter(() => keys.map((key) => foundRow(key, tables.rows.get(key))))
    },
    commit: (commit) => gate.enter(() => write(tables, commit)),
    page: async (options) => {
      options.signal?.throwIfAborted()
      return gate.enter(() => rowsOf(tables, rangeOf(options)))
    },
    count: (signal) =>
      info.kind === 'series' ? countKeys(tables, gate) : addUp(tables, gate, signal),
    scan: ({ signal } = {}) => scan(tables, gate, signal),
    revision: () => gate.pass(revision),
    close: closeOnce(() => gate.drained().then(tables.close)),
  }
}

type Tables = ReturnType<typeof openTables>
type Range = Parameters<Tables['rows']['getRange']>[0]
type Moved = 'committed' | 'moved'

/**
 * Series rows are MessagePack. Its field names are stored once per generation, under a key outside
 * every range. This takes half the space of JSON, and a scan is more than twice as fast.
 */
function openTables(directory: string, { kind }: GenerationInfo) {
  const environment = openLmdb(directory, { maxDbs: 2 })
  const openRows = () =>
    environment.openDB<Stored, Key>(
      kind === 'state'
        ? { name: 'rows', encoding: 'string' }
        : { name: 'rows', encoding: 'msgpack', sharedStructuresKey: Symbol.for('fields') },
    )
  let rows = openRows()
  return {
    get rows() {
      return rows
    },
    /** After a failed commit: forgets the field names that were to be stored with it. */
    reopenRows: () => {
      rows = openRows()
    },
    /** The version of an entry is its `next`. */
    checkpoint: environment.openDB<PartitionCheckpoint, number>({
      name: 'checkpoint',
      useVersions: true,
    }),
    transaction: <T>(work: () => T): Promise<T> => transact(environment, work),
    close: () => environment.close(),
  }
}

async function write(tables: Tables, commit: Commit): Promise<Moved> {
  const { rows } = commit
  if (rows.kind === 'state') return writeState(tables, commit, rows.writes)
  try {
    return await writeSeries(tables, commit, rows.writes)
  } catch (error) {
    tables.reopenRows()
    throw error
  }
}

/**
 * Writes a batch on the condition of the checkpoint, in LMDB's writer thread while this one
 * continues: with several partitions nearly twice as fast as a transaction. After a failure some
 * rows may stay; the retry writes the same rows.
 */
async function writeSeries(
  { checkpoint, rows }: Tables,
  commit: Commit,
  writes: readonly SeriesWrite[],
): Promise<Moved> {
  const { partition, from, to } = commit
  const putAll = () => {
    for (const { key, value } of writes) rows.put(key, value)
    checkpoint.put(partition, checkpointOf(commit), to)
    crashPoint('rows:series-queued')
  }
  crashPoint('rows:series-ready')
  const isFirst = from === 0 && !checkpoint.doesExist(partition)
  const written = isFirst
    ? await checkpoint.ifNoExists(partition, putAll)
    : await checkpoint.ifVersion(partition, from, putAll)
  crashPoint('rows:series-written')
  return written ? 'committed' : 'moved'
}

/** The guards must be read in the transaction. If it throws, nothing is written. */
const writeState = (
  { checkpoint, rows, transaction }: Tables,
  commit: Commit,
  writes: readonly StateWrite[],
): Promise<Moved> =>
  transaction(() => {
    const { partition, from, to } = commit
    if ((checkpoint.get(partition)?.next ?? 0) !== from) return 'moved'
    if (!writes.every(({ key, expected }) => hasGuard(rows.get(key), expected))) return 'moved'
    for (const write of writes) rows.put(write.key, stateEntry(write))
    crashPoint('rows:states-put')
    checkpoint.put(partition, checkpointOf(commit), to)
    crashPoint('checkpoint:put')
    return 'committed'
  })

const checkpointIn = ({ checkpoint }: Tables): Checkpoint =>
  new Map([...checkpoint.getRange({})].map(({ key, value }) => [key, value]))

/**
 * Rows change only together with a checkpoint, and a checkpoint never goes back. To compare the
 * versions of the entries takes a fourth of the work of reading them.
 */
function revisionIn({ checkpoint }: Tables): () => string {
  let versions: readonly (readonly [partition: number, version: number])[] = []
  let text = ''
  const isSame = () =>
    versions.length === checkpoint.getKeysCount({}) &&
    versions.every(([partition, version]) => checkpoint.doesExist(partition, version))
  return () => {
    if (isSame()) return text
    versions = Array.from(checkpoint.getRange({ versions: true }), ({ key, version = 0 }) => [
      key,
      version,
    ])
    text = versions.map(([, version]) => version).join(' ')
    return text
  }
}

const checkpointOf = ({ to, applied, origin }: Commit): PartitionCheckpoint => ({
  next: to,
  applied,
  origin,
})

function stateEntry({ guard, count, value }: StateWrite): string {
  const entry: StateEntry = [guard, count, value]
  return JSON.stringify(entry)
}

/** Compares the start of the text: parsing a long row would take longer than writing it. */
const hasGuard = (stored: Stored | undefined, guard: Guard | null): boolean =>
  typeof stored === 'string' ? stored.startsWith(`[${JSON.stringify(guard)},`) : guard === null

const foundRow = (key: Key, stored: Stored | undefined): StoredRow | undefined =>
  stored === undefined ? undefined : storedRow(key, stored)

function storedRow(key: Key, stored: Stored): StoredRow {
  if (typeof stored !== 'string') return { key, value: stored, guard: null, count: null }
  const [guard, count, value]: StateEntry = JSON.parse(stored)
  return { key, value, guard, count }
}

function rowsOf(tables: Tables, range: Range): StoredRow[] {
  const rows: StoredRow[] = []
  for (const { key, value } of tables.rows.getRange(range)) rows.push(storedRow(key, value))
  return rows
}

const rangeOf = ({ from, to, limit, reverse }: PageOptions): Range =>
  reverse
    ? { start: to, exclusiveStart: true, end: from, inclusiveEnd: true, limit, reverse }
    : { start: from, end: to, limit }

/** Counts the keys without decoding a row. */
const countKeys = (tables: Tables, gate: Gate): Promise<RowCount> =>
  gate.enter(() => ({ rows: tables.rows.getKeysCount({}), events: 0 }))

async function addUp(tables: Tables, gate: Gate, signal?: AbortSignal): Promise<RowCount> {
  const total = { rows: 0, events: 0 }
  for await (const rows of scan(tables, gate, signal)) {
    total.rows += rows.length
    for (const { count } of rows) total.events += count ?? 0
  }
  return total
}

/** Continues by key after each chunk: a long read transaction would block the reuse of pages. */
async function* scan(tables: Tables, gate: Gate, signal?: AbortSignal) {
  let range: Range = { limit: scanRowsMax }
  for (;;) {
    signal?.throwIfAborted()
    const rows = await gate.enter(() => rowsOf(tables, range))
    const last = rows.at(-1)
    if (last === undefined) return
    yield rows
    range = { start: last.key, exclusiveStart: true, limit: scanRowsMax }
    await nextTurn()
  }
}
