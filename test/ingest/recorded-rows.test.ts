import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { createRecordedRows } from '../../src/ingest/recorded-rows.ts'
import { eventStoreDouble } from '../support/event-store-double.ts'
import { suite } from '../support/suite.ts'
import { trade } from '../support/trade.ts'

const test = suite('rows of a file')

const symbols = ['AAPL', 'MSFT', 'NVDA', 'AMD', '__proto__']

/** A file whose rows have these symbols, by their places in the list. */
const fileOf = (places: readonly number[], hash = 'abc') =>
  places.map((at, i) => trade({ symbol: symbols[at] ?? '', source: `file:${hash}:${i + 1}` }))

const rowsOn = ({ heads, read }: ReturnType<typeof eventStoreDouble>) =>
  createRecordedRows({ heads, read }, new AbortController().signal)

test('those of a symbol that was not played before are new, whatever shares its partition', async () => {
  const store = eventStoreDouble({ partitions: 1 })
  const file = fileOf([0, 1, 0, 2, 1, 0])
  const played = file.filter(({ symbol }) => symbol === 'AAPL')
  await store.append(played)
  assert.equal(
    await rowsOn(store).passOver(file),
    file.filter((row) => !played.includes(row)),
  )
})

test('are in the log once, wherever each symbol was interrupted and whatever lies between', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat({ max: symbols.length - 1 }), { maxLength: 60 }),
      fc.array(fc.nat({ max: 12 }), { minLength: symbols.length, maxLength: symbols.length }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 9 }),
      async (places, playedOfEach, partitions, batch) => {
        const store = eventStoreDouble({ partitions })
        const file = fileOf(places)
        const left = [...playedOfEach]
        const played = file.filter(({ symbol }) => {
          const at = symbols.indexOf(symbol)
          left[at] = (left[at] ?? 0) - 1
          return (left[at] ?? 0) >= 0
        })
        await store.append([...fileOf(places, 'other'), ...played, trade()])
        const rows = rowsOn(store)
        const fresh = []
        for (let at = 0; at < file.length; at += batch) {
          fresh.push(...(await rows.passOver(file.slice(at, at + batch))))
        }
        assert.equal(
          fresh,
          file.filter((row) => !played.includes(row)),
        )
        assert.equal(await rows.passOver(file), [])
      },
    ),
  ))

test('are found behind more events than are read at once', async () => {
  const store = eventStoreDouble({ partitions: 1 })
  const file = fileOf([0, 1, 0, 1])
  const others = Array.from({ length: 5_000 }, () => trade())
  await store.append([...file.slice(0, 2), ...others, ...file.slice(2, 3), ...others])
  assert.equal(await rowsOn(store).passOver(file), file.slice(3))
})

test('taken over from another ingest are passed over, and the same array says that none were', async () => {
  const store = eventStoreDouble()
  const file = fileOf([0, 1, 2, 3])
  const rows = rowsOn(store)
  const fresh = await rows.passOver(file)
  assert.is(await rows.passOverAgain(fresh), fresh)
  await store.append(file.slice(0, 3))
  assert.equal(await rows.passOverAgain(fresh), file.slice(3))
})

test.run()
