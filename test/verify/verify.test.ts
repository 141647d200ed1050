import * as assert from 'uvu/assert'
import { encodeKey } from '../../src/read-model-store/key.ts'
import type { Generation, StoredRow } from '../../src/read-model-store/read-model-store.ts'
import { type Engine, startEngine } from '../support/engine.ts'
import { someTrades } from '../support/some-trades.ts'
import { suite } from '../support/suite.ts'
import { interruption } from '../support/trade.ts'

const test = suite('verify')

const engineWith = async (trades: number): Promise<Engine> => {
  const engine = await startEngine()
  await engine.eventStore.append([interruption(), ...someTrades(trades)])
  engine.project()
  await engine.caughtUp()
  return engine
}

const active = async ({ readModelStore }: Engine, model: string): Promise<Generation> =>
  readModelStore.open((await readModelStore.pointer(model))?.active ?? '')

const rowsOf = async (generation: Generation): Promise<readonly StoredRow[]> => {
  const rows: StoredRow[] = []
  for await (const chunk of generation.scan()) rows.push(...chunk)
  return rows
}

/** Writes a row past every guard, as somebody with a shell would: in a partition nobody uses. */
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

test('finds nothing wrong with what the projectors have made', async () => {
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

test('names a state row that no event accounts for', async () => {
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
  const { readModelStore } = engine
  const rows = await rowsOf(await active(engine, 'trades'))
  const checkpoint = await (await active(engine, 'trades')).checkpoint()
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
  for (const { rows: writes, expected } of forged) {
    const copy = await readModelStore.create({ model: 'trades', version: 1, kind: 'series' })
    for (const [partition, { next: to, applied, origin }] of checkpoint) {
      const rest = { applied, origin, rows: { kind: 'series' as const, writes } }
      await copy.commit({ partition, from: 0, to, ...rest })
    }
    const { result, detail } = await engine.verified('trades', copy.info.id)
    assert.is(result, 'different')
    assert.match(detail ?? '', expected)
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

test('says that it could not check a model that is not there, or a generation of another version', async () => {
  const engine = await engineWith(10)
  assert.is((await engine.verified('nobody')).result, 'could not check')
  const old = await engine.readModelStore.create({ model: 'symbols', version: 0, kind: 'state' })
  const { result, detail } = await engine.verified('symbols', old.info.id)
  assert.is(result, 'could not check')
  assert.match(detail ?? '', 'has version 0')
  await engine.close()
})

test.run()
