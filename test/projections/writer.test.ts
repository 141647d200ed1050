import * as assert from 'uvu/assert'
import type { RecordedEvent } from '../../src/domain/recorded-event.ts'
import { type Projection, series, state } from '../../src/projections/projection.ts'
import { symbols } from '../../src/projections/read-models/symbols.ts'
import { trades } from '../../src/projections/read-models/trades.ts'
import { createWriter } from '../../src/projections/writer.ts'
import type { Skip } from '../../src/read-model-store/read-model-store.ts'
import { failureOf } from '../support/failure.ts'
import { memoryGeneration, memoryTable } from '../support/memory-generation.ts'
import { suite } from '../support/suite.ts'
import { trade } from '../support/trade.ts'

const test = suite('applying slices to a generation')

const origin = 'log:0'
const offsets = Array.from({ length: 37 }, (_, offset) => offset)

const recorded = (offset: number, symbol = offset % 2 === 0 ? 'A' : 'B'): RecordedEvent => ({
  partition: 0,
  offset,
  recordedAt: 0,
  event: trade({ symbol, price: String(offset) }),
})

function slice(events: readonly RecordedEvent[], from = 0) {
  return { partition: 0, from, to: offsets.length, events, origin }
}

const throwsAt = (bad: number) => (at: RecordedEvent) => {
  if (at.offset === bad) throw new RangeError('what is this')
}

/** The models whose code throws at one offset: in its key, its row or its fold. */
function faulty(bad: number): Readonly<Record<string, Projection>> {
  const check = throwsAt(bad)
  return {
    'the key of a series': series({
      ...trades,
      key: (at) => {
        check(at)
        return trades.key(at)
      },
    }),
    'the fold of a state': state({
      ...symbols,
      evolve: (row, at) => {
        check(at)
        return symbols.evolve(row, at)
      },
    }),
    'the keys of a state': state({
      ...symbols,
      keys: (at) => {
        check(at)
        return symbols.keys(at)
      },
    }),
  }
}

async function writerOf(projection: Projection, skips: readonly Skip[] = []) {
  const { name: model, version, kind } = projection
  const table = memoryTable({ id: model, model, version, kind, createdAt: 0 })
  const writer = createWriter(projection, memoryGeneration(table), { skips: async () => skips })
  await writer.restart()
  return { writer, table }
}

function skipOf(model: string, offset: number, of = origin): Skip {
  return { model, partition: 0, offset, origin: of, why: 'test', at: 0 }
}

for (const bad of [0, 1, 17, 36]) {
  for (const [what, projection] of Object.entries(faulty(bad))) {
    test(`${what} throws at offset ${bad}: it stops there, all before it is applied`, async () => {
      const { writer, table } = await writerOf(projection)
      const error = await failureOf(writer.apply(slice(offsets.map((at) => recorded(at)))))
      assert.is(error.code, 'EVENT_NOT_APPLICABLE')
      assert.match(error.message, `offset ${bad}: RangeError: what is this`)
      assert.equal(table.checkpoint.get(0) ?? { next: 0, applied: 0, origin }, {
        next: bad,
        applied: bad,
        origin,
      })
    })

    test(`${what} throws at offset ${bad}: if skipped, all others are applied`, async () => {
      const { writer, table } = await writerOf(projection, [skipOf(projection.name, bad)])
      await writer.apply(slice(offsets.map((at) => recorded(at))))
      assert.equal(table.checkpoint.get(0), { next: 37, applied: 36, origin })
      const counted = [...table.rows.values()].reduce((sum, { count }) => sum + (count ?? 1), 0)
      assert.is(counted, 36)
    })
  }
}

test('a skip of another log is ignored', async () => {
  const projection = faulty(5)['the fold of a state'] as Projection
  const { writer } = await writerOf(projection, [skipOf(projection.name, 5, 'log:1')])
  const error = await failureOf(writer.apply(slice(offsets.map((at) => recorded(at)))))
  assert.is(error.fields.offset, 5)
})

test('a key longer than a store takes stops the model at its event', async () => {
  for (const projection of [trades, symbols]) {
    const { writer, table } = await writerOf(projection)
    const events = offsets.map((at) => recorded(at, at === 3 ? 'S'.repeat(2_000) : 'A'))
    assert.is((await failureOf(writer.apply(slice(events)))).code, 'EVENT_NOT_APPLICABLE')
    assert.is(table.checkpoint.get(0)?.next, 3)
  }
})

test('missing offsets before the event count as applied', async () => {
  const projection = faulty(9)['the fold of a state'] as Projection
  const { writer, table } = await writerOf(projection)
  await failureOf(writer.apply(slice(offsets.slice(9).map((at) => recorded(at)))))
  assert.equal(table.checkpoint.get(0), { next: 9, applied: 0, origin })
})

test.run()
