import * as assert from 'uvu/assert'
import { partitionOf } from '../../src/domain/partition.ts'
import type { RecordedEvent } from '../../src/domain/recorded-event.ts'
import type { TradeExecuted } from '../../src/domain/trade-executed.ts'
import type { Projection } from '../../src/projections/projection.ts'
import { candles } from '../../src/projections/read-models/candles.ts'
import { symbols } from '../../src/projections/read-models/symbols.ts'
import { trades } from '../../src/projections/read-models/trades.ts'
import { vwap } from '../../src/projections/read-models/vwap.ts'
import { createWriter } from '../../src/projections/writer.ts'
import type { Row } from '../../src/read-model-store/read-model-store.ts'
import { memoryGeneration, memoryTable, noSkips } from '../support/memory-generation.ts'
import { naiveRows } from '../support/naive-rows.ts'
import { assertSetRows } from '../support/real-rows.ts'
import { expectedSets, realTrades, testDataFolder } from '../support/real-trades.ts'
import { suite } from '../support/suite.ts'

const test = suite('read models of recorded trades')
const timeoutMs = 120_000
const partitions = 6
const batchEvents = 1_000

function recordedByPartition(all: readonly TradeExecuted[]): readonly RecordedEvent[][] {
  const logs: RecordedEvent[][] = Array.from({ length: partitions }, () => [])
  for (const event of all) {
    const partition = partitionOf(event.symbol, partitions)
    const log = logs[partition]
    log?.push({ partition, offset: log.length, recordedAt: 0, event })
  }
  return logs
}

/** The stored rows of a model, in the order of the keys, by the fold that projectors use. */
async function projectedRows(
  projection: Projection,
  logs: readonly (readonly RecordedEvent[])[],
): Promise<readonly Row[]> {
  const { name: model, version, kind } = projection
  const table = memoryTable({ id: model, model, version, kind, createdAt: 0 })
  const writer = createWriter(projection, memoryGeneration(table), noSkips)
  await writer.restart()
  for (const [partition, log] of logs.entries()) {
    for (let from = 0; from < log.length; from += batchEvents) {
      const events = log.slice(from, from + batchEvents)
      await writer.apply({ partition, from, to: from + events.length, events, origin: 'log' })
    }
  }
  const keys = [...table.rows.keys()].sort()
  return keys.map((key) => JSON.parse(table.rows.get(key)?.json ?? ''))
}

function define(folder: string) {
  for (const [file, expected] of Object.entries(expectedSets(folder))) {
    test(
      `${file}: counts, sums, candles and trades are those of the reference`,
      async () => {
        const logs = recordedByPartition(realTrades(folder, file))
        const tradeRows = await projectedRows(trades, logs)
        const symbolRows = await projectedRows(symbols, logs)
        const candleRows = await projectedRows(candles, logs)
        assertSetRows({ trades: tradeRows, symbols: symbolRows, candles: candleRows }, expected)
      },
      { timeoutMs },
    )

    test(
      `${file}: the rows of state are those of the naive folds`,
      async () => {
        const logs = recordedByPartition(realTrades(folder, file))
        for (const projection of [symbols, candles, vwap]) {
          const naive = naiveRows(projection.name, logs.flat()).map(([, row]) => row)
          assert.equal(await projectedRows(projection, logs), naive)
        }
      },
      { timeoutMs },
    )
  }
}

if (testDataFolder === undefined) {
  test.skip('equal the reference', 'TRADELOG_TEST_DATA does not name a folder of recorded trades')
} else {
  define(testDataFolder)
}

test.run()
