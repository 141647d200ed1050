import { isDeepStrictEqual } from 'node:util'
import { decodeKey, type Key } from '../../read-model-store/key.ts'
import type { Checkpoint, Generation, StoredRow } from '../../read-model-store/read-model-store.ts'

/** How the rows of a build differ from those of the active generation. */
export type GenerationChanges = Readonly<{
  rows: number
  added: number
  removed: number
  changed: number
  /** The first row that differs: as it is, and as it would be. */
  first: Readonly<{ key: string; before: unknown; after: unknown }> | null
}>

type Pair = Readonly<{ key: Key; before: StoredRow | undefined; after: StoredRow | undefined }>

/** Rows that changed while both were read are read again this often before they are ignored. */
const readAgainMax = 20

/**
 * Reads both generations once, side by side in key order. The active one keeps changing meanwhile:
 * only rows with the same events are compared, others are read again after `catchUp`.
 */
export async function compareGenerations(
  active: Generation,
  build: Generation,
  catchUp: () => Promise<void>,
  signal: AbortSignal,
): Promise<GenerationChanges> {
  const shared = sharedPart(await active.checkpoint(), await build.checkpoint())
  const counts = { rows: 0, added: 0, removed: 0, changed: 0 }
  let first: GenerationChanges['first'] = null
  const doubtful: Key[] = []
  const judge = (pair: Pair, isLast = false) => {
    const verdict = verdictOn(pair, shared, isLast)
    if (verdict === 'doubtful') doubtful.push(pair.key)
    if (verdict === 'doubtful' || verdict === 'same') return
    counts[verdict] += 1
    first ??= {
      key: decodeKey(pair.key).join(' '),
      before: pair.before?.value ?? null,
      after: pair.after?.value ?? null,
    }
  }
  for await (const pair of sideBySide(active, build, signal)) {
    if (pair.after !== undefined) counts.rows += 1
    judge(pair)
  }
  for (let times = 1; doubtful.length > 0 && times <= readAgainMax; times++) {
    await catchUp()
    const keys = doubtful.splice(0)
    const [before, after] = await Promise.all([active.read(keys), build.read(keys)])
    for (const [at, key] of keys.entries()) {
      judge({ key, before: before[at], after: after[at] }, times === readAgainMax)
    }
  }
  return { ...counts, first }
}

type Verdict = 'same' | 'doubtful' | 'added' | 'removed' | 'changed'

function verdictOn(
  { key, before, after }: Pair,
  shared: ReadonlyMap<number, number>,
  isLast: boolean,
): Verdict {
  const row = before ?? after
  if (row?.guard === null) {
    const [partition = 0, offset = 0] = decodeKey(key).slice(-2).map(Number)
    if (offset >= (shared.get(partition) ?? 0)) return 'same'
  } else if (before?.guard !== after?.guard && !isLast) return 'doubtful'
  if (before === undefined) return 'added'
  if (after === undefined) return 'removed'
  if (before.guard !== after.guard) return 'same'
  return isDeepStrictEqual(before.value, after.value) ? 'same' : 'changed'
}

/** Per partition, the offset up to which both have applied the log. */
const sharedPart = (a: Checkpoint, b: Checkpoint): ReadonlyMap<number, number> =>
  new Map(
    Array.from(a, ([partition, { next }]) => {
      return [partition, Math.min(next, b.get(partition)?.next ?? 0)]
    }),
  )

async function* sideBySide(
  active: Generation,
  build: Generation,
  signal: AbortSignal,
): AsyncGenerator<Pair> {
  const left = rowsOf(active, signal)
  const right = rowsOf(build, signal)
  try {
    let before = (await left.next()).value
    let after = (await right.next()).value
    while (before !== undefined || after !== undefined) {
      const order = orderOf(before?.key, after?.key)
      const key = (order <= 0 ? before?.key : after?.key) ?? ''
      yield {
        key,
        before: order <= 0 ? before : undefined,
        after: order >= 0 ? after : undefined,
      }
      if (order <= 0) before = (await left.next()).value
      if (order >= 0) after = (await right.next()).value
    }
  } finally {
    // A side that hasn't been read to its end has a cursor open.
    await Promise.allSettled([left.return(undefined), right.return(undefined)])
  }
}

async function* rowsOf(
  generation: Generation,
  signal: AbortSignal,
): AsyncGenerator<StoredRow, undefined> {
  for await (const rows of generation.scan({ signal })) yield* rows
  return undefined
}

/** Compares keys by their bytes, as the stores do. The end of a side comes last. */
function orderOf(a: Key | undefined, b: Key | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b))
}
