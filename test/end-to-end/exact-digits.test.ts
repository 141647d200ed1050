import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { get, walkTrades } from '../support/api-client.ts'
import { freshStores, storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { startTradelog } from '../support/tradelog.ts'
import { appliedAll, verified } from './flow.ts'

const test = suite(`exact digits on ${storePair.name}`)

const time = 1_763_645_583_544

/** Each price and volume as a file writes it, and as the API has to show it. */
const trades = [
  ['1', '3526246938.98713386', '1', '3526246938.98713386'],
  ['284578000.00000004', '9007199254740993', '284578000.00000004', '9007199254740993'],
  ['1.5e-7', '1E5', '0.00000015', '100000'],
  ['1.10', '123456789012345678901234567890', '1.1', '123456789012345678901234567890'],
  ['-0', '0.1', '0', '0.1'],
] as const

function settingsOf(rows: readonly string[]) {
  const path = join(temporaryDirectory(), 'trades.csv')
  writeFileSync(path, ['symbol,price,volume,timestamp_ms,conditions', ...rows, ''].join('\n'))
  return { ...freshStores(), FEED: 'file', FILE__PATH: path, FILE__SPEED: 'max' }
}

test('the API shows exactly the digits that a file has, and verify agrees', async () => {
  const rows = trades.map(([price, volume], at) => `YOBIT:LIZA,${price},${volume},${time + at},`)
  const settings = settingsOf(rows)
  const tradelog = startTradelog(['start'], settings)
  const address = await tradelog.address()
  await appliedAll(address, rows.length, 60_000)
  const shown = (await walkTrades(address, 'YOBIT:LIZA')).toReversed()
  assert.equal(
    shown.map(({ price, volume }) => [price, volume]),
    trades.map(([, , price, volume]) => [price, volume]),
  )
  await tradelog.kill('SIGTERM')
  await verified(settings)
})

type Vwap = Readonly<{ vwap: string | null }>

test('the VWAP of tiny prices is between them, and verify agrees', async () => {
  const settings = settingsOf([
    `PEPE,0.00000000172,1000000000,${time},`,
    `PEPE,0.00000000173,2000000000,${time + 1},`,
  ])
  const tradelog = startTradelog(['start'], settings)
  const address = await tradelog.address()
  await appliedAll(address, 2, 60_000)
  const tick = await get<Vwap>(`${address}/api/v1/vwap/PEPE`)
  assert.is(tick.data.vwap, '0.00000000172666667')
  for (const interval of ['1m', '5m', '15m', '1h', '4h', '1d']) {
    const path = `/api/v1/candles/PEPE?interval=${interval}`
    const { data } = await get<Readonly<{ data: readonly Vwap[] }>>(address + path)
    assert.equal(
      data.data.map(({ vwap }) => vwap),
      ['0.00000000172666667'],
    )
  }
  await tradelog.kill('SIGTERM')
  await verified(settings)
})

test.run()
