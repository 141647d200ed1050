import * as assert from 'uvu/assert'
import type { TradelogEvent } from '../../src/domain/event.ts'
import { decodeKey, encodeKey } from '../../src/read-model-store/key.ts'
import type { Generation, StoredRow } from '../../src/read-model-store/read-model-store.ts'
import { type Engine, startEngine } from '../support/engine.ts'
import { someTrades } from '../support/some-trades.ts'
import { suite } from '../support/suite.ts'
import { interruption, trade } from '../support/trade.ts'

const test = suite('verify')

const engineWith = async (trades: number): Promise<Engine> =>
  projected(await startEngine(), [interruption(), ...someTrades(trades)])

async function projected(engine: Engine, events: readonly TradelogEvent[]): Promise<Engine> {
  await engine.eventStore.append(events)
  engine.project()
  await engine.caughtUp()
  return engine
}

const active = async ({ readModelStore }: Engine, model: string): Promise<Generation> =>
  readModelStore.open((await readModelStore.pointer(model))?.active ?? '')

async function rowsOf(generation: Generation): Promise<readonly StoredRow[]> {
  const rows: StoredRow[] = []
  for await (const chunk of generation.scan()) rows.push(...chunk)
  return rows
}

/** Writes a row past every guard, as by hand in a shell: in an unused partition. */
const tamper = async (
  generation: Generation,
  row: Omit<StoredRow, 'guard'>,
  guard: string | null,
) =>
  generation.commit({
    partition: 99,
    from: 0,
    to: 1,
    applied: 0,
    origin: 'tampered',
    rows: {
      kind: 'state',
      writes: [{ ...row, count: row.count ?? 0, guard: guard ?? '0:0', expected: guard }],
    },
  })

test('finds the rows of the projectors equal', async () => {
  const engine = await engineWith(1_000)
  for (const model of ['trades', 'symbols', 'candles', 'vwap', 'interruptions']) {
    const { result, detail, rowsCompared } = await engine.verified(model)
    assert.is(result, 'equal', `${model}: ${detail}`)
    assert.ok(rowsCompared > 0)
  }
  await engine.close()
})

test('names a state row that was changed, and the field', async () => {
  const engine = await engineWith(300)
  const generation = await active(engine, 'symbols')
  const [row] = await rowsOf(generation)
  assert.ok(row)
  const changed = { ...row, value: { ...row.value, tradeCount: 1 } }
  assert.is(await tamper(generation, changed, row.guard), 'committed')
  const { result, detail } = await engine.verified('symbols')
  assert.is(result, 'different')
  assert.match(detail ?? '', String(row.value.symbol))
  assert.match(detail ?? '', 'tradeCount is 1, should be')
  await engine.close()
})

test('names a state row without an event', async () => {
  const engine = await engineWith(300)
  const row = { key: encodeKey(['NOBODY']), value: { symbol: 'NOBODY' }, count: 1 }
  assert.is(await tamper(await active(engine, 'symbols'), row, null), 'committed')
  const { result, detail } = await engine.verified('symbols')
  assert.is(result, 'different')
  assert.match(detail ?? '', /^NOBODY: the log has no such row/)
  await engine.close()
})

test('names a trade that is missing, one that was changed, and one that was added', async () => {
  const engine = await engineWith(300)
  const rows = await rowsOf(await active(engine, 'trades'))
  const [first, ...others] = rows
  assert.ok(first)
  const forged = [
    { rows: others, expected: 'the row is missing' },
    {
      rows: [{ ...first, value: { ...first.value, price: '1' } }, ...others],
      expected: 'price is "1"',
    },
    { rows: [{ ...first, key: `X${first.key}` }, ...rows], expected: 'the log has no such row' },
  ]
  for (const { rows, expected } of forged) {
    const copy = await copyOfTrades(engine, rows, (head) => head)
    const { result, detail } = await engine.verified('trades', copy)
    assert.is(result, 'different')
    assert.match(detail ?? '', expected)
  }
  await engine.close()
})

/** The rows of `trades` in a generation with these checkpoints. */
async function copyOfTrades(
  { eventStore, readModelStore }: Engine,
  rows: readonly StoredRow[],
  progress: (head: number) => number,
): Promise<string> {
  const { info, commit } = await readModelStore.create({
    model: 'trades',
    version: 1,
    kind: 'series',
  })
  for (const { partition, head, origin } of await eventStore.heads()) {
    if (origin === null) continue
    const to = progress(head)
    const writes = { kind: 'series' as const, writes: rows }
    await commit({ partition, from: 0, to, applied: to, origin, rows: writes })
  }
  return info.id
}

test('names a changed trade beside rows that are being committed in many partitions', async () => {
  const symbols = Array.from({ length: 200 }, (_, i) => `S${i}`)
  const events = symbols.map((symbol) => trade({ symbol }))
  const engine = await projected(await startEngine(undefined, { partitions: 16 }), events)
  const rows = await rowsOf(await active(engine, 'trades'))
  const changed = rows.map((row) => {
    const [partition, offset] = decodeKey(row.key).slice(-2)
    return partition === 15 && offset === 0 ? { ...row, value: { ...row.value, price: '1' } } : row
  })
  const oneBehind = (head: number) => head - 1
  const copy = await copyOfTrades(engine, changed, oneBehind)
  const { result, detail } = await engine.verified('trades', copy)
  assert.is(result, 'different')
  assert.match(detail ?? '', 'price is "1"')
  const right = await engine.verified('trades', await copyOfTrades(engine, rows, oneBehind))
  assert.is(right.result, 'equal')
  await engine.close()
})

test('names a row with a foreign key', async () => {
  const engine = await engineWith(50)
  const rows = await rowsOf(await active(engine, 'trades'))
  const [first] = rows
  assert.ok(first)
  for (const key of ['_x', 'AAPL', `${encodeKey(['AAPL', 7])}c99`]) {
    const copy = await copyOfTrades(engine, [...rows, { ...first, key }], (head) => head)
    const { result, detail } = await engine.verified('trades', copy)
    assert.is(result, 'different', key)
    assert.match(detail ?? '', 'the log has no such row')
  }
  await engine.close()
})

test('is right while events flow in', async () => {
  const engine = await engineWith(300)
  let isFlowing = true
  const flow = (async () => {
    for (let seed = 1; isFlowing; seed++) await engine.eventStore.append(someTrades(50, seed))
  })()
  for (const model of ['trades', 'symbols', 'candles', 'vwap', 'trades', 'symbols']) {
    const { result, detail } = await engine.verified(model)
    assert.is(result, 'equal', `${model}: ${detail}`)
  }
  isFlowing = false
  await flow
  await engine.close()
})

test('says that it could not check an absent model, or a generation of another version', async () => {
  const engine = await engineWith(10)
  assert.is((await engine.verified('nobody')).result, 'could not check')
  const old = await engine.readModelStore.create({ model: 'symbols', version: 0, kind: 'state' })
  const { result, detail } = await engine.verified('symbols', old.info.id)
  assert.is(result, 'could not check')
  assert.match(detail ?? '', 'has version 0')
  await engine.close()
})

test.run()
