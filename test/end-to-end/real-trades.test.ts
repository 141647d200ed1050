import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pino from 'pino'
import * as assert from 'uvu/assert'
import { openReadModelStore } from '../../src/compose.ts'
import { formatDecimal, parseDecimal } from '../../src/domain/decimal.ts'
import type { TradeExecuted } from '../../src/domain/trade-executed.ts'
import type { Row } from '../../src/read-model-store/read-model-store.ts'
import { loadConfig } from '../../src/runtime/config/config.ts'
import { createLifetime } from '../../src/runtime/lifetime.ts'
import { walkTrades } from '../support/api-client.ts'
import { faultRounds } from '../support/random.ts'
import { assertSetRows } from '../support/real-rows.ts'
import {
  type ExpectedSet,
  expectedSets,
  realTrades,
  testDataFolder,
} from '../support/real-trades.ts'
import { freshStores, storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { type Settings, settingsEnvironment, startTradelog } from '../support/tradelog.ts'
import { appliedAll, stopAll, verified } from './flow.ts'

const test = suite(`recorded trades through the whole program on ${storePair.name}`)
const scans = storePair.readModelStore === 'mongodb'
const timeoutMs = 30 * 60_000
const prefixRows = 3_000

const playing = (path: string): Settings => ({
  ...freshStores(),
  FEED: 'file',
  FILE__PATH: path,
  FILE__SPEED: 'max',
})

/** Pages from the newest to the oldest are the file's trades of each symbol, in their order. */
async function assertPages(address: string, trades: readonly TradeExecuted[]): Promise<void> {
  for (const symbol of new Set(trades.map((trade) => trade.symbol))) {
    const walked = (await walkTrades(address, symbol)).toReversed()
    const recorded = trades
      .filter((trade) => trade.symbol === symbol)
      .toSorted((a, b) => a.executedAt - b.executedAt)
    assert.is(walked.length, recorded.length)
    for (const [at, { timestamp, price, volume }] of walked.entries()) {
      const { executedAt, ...of } = recorded[at] as TradeExecuted
      const canonical = [of.price, of.volume].map((text) => formatDecimal(parseDecimal(text)))
      assert.equal([Date.parse(timestamp), price, volume], [executedAt, ...canonical])
    }
  }
}

/** Each model's rows by one scan of the store. */
async function scanned(settings: Settings) {
  const { config } = loadConfig({ environment: settingsEnvironment(settings) })
  const life = createLifetime()
  const { signal } = new AbortController()
  const store = await openReadModelStore({ config, life, logger: pino({ enabled: false }), signal })
  const rowsOf = async (model: string) => {
    const rows: Row[] = []
    const generation = await store.open((await store.pointer(model))?.active ?? '')
    for await (const chunk of generation.scan()) rows.push(...chunk.map(({ value }) => value))
    return rows
  }
  try {
    const [trades, symbols] = [await rowsOf('trades'), await rowsOf('symbols')]
    return { trades, symbols, candles: await rowsOf('candles') }
  } finally {
    await life.close()
  }
}

function define(folder: string, file: string, expected: ExpectedSet) {
  const title = `${file}: counts, times, sums, candles and pages are those of the reference`
  if (scans && faultRounds <= 2) {
    test.skip(title, 'in full only if TRADELOG_FAULT_ROUNDS asks for more')
  } else {
    const whole = async () => {
      const settings = playing(join(folder, file))
      const tradelog = startTradelog(['start'], settings)
      const address = await tradelog.address()
      await appliedAll(address, expected.rows, timeoutMs)
      if (!scans) await assertPages(address, realTrades(folder, file))
      await stopAll([tradelog])
      assertSetRows(await scanned(settings), expected)
    }
    test(title, whole, { timeoutMs })
  }

  const prefix = async () => {
    const path = join(temporaryDirectory(), file.replace('.gz', ''))
    const trades = realTrades(folder, file).slice(0, prefixRows)
    const lines = trades.map(({ symbol, price, volume, executedAt, conditions }) => {
      return `${symbol},${price},${volume},${executedAt},${conditions.join(';')}\n`
    })
    const header = 'symbol,price,volume,timestamp_ms,conditions\n'
    await pipeline(Readable.from([header, ...lines]), createWriteStream(path))
    const settings = playing(path)
    const tradelog = startTradelog(['start'], settings)
    const address = await tradelog.address()
    await appliedAll(address, prefixRows, timeoutMs)
    await assertPages(address, trades)
    await stopAll([tradelog])
    await verified(settings)
  }
  test(`the first ${prefixRows} rows of ${file}: pages and an independent fold agree`, prefix, {
    timeoutMs: 180_000,
  })
}

if (testDataFolder === undefined) {
  test.skip('equal the reference', 'TRADELOG_TEST_DATA names no folder of recorded trades')
} else {
  for (const [file, expected] of Object.entries(expectedSets(testDataFolder))) {
    define(testDataFolder, file, expected)
  }
}

test.run()
