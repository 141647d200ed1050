import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { browserSuite, seen } from '../support/browser.ts'
import { embeddedStores } from '../support/store-pair.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { startTradelog } from '../support/tradelog.ts'

const test = browserSuite('digits in a browser')

const minute = Date.UTC(2025, 10, 20, 13, 33)

const rows = [
  `PEPE,0.00000000172,1000000000,${minute},`,
  `PEPE,0.00000000175,500000000,${minute + 60_000},`,
  `YOBIT:LIZA,284578000.00000004,3526246938.98713386,${minute},`,
]

test('tiny prices and long numbers are shown as they are, never as 0', async () => {
  const path = join(temporaryDirectory(), 'trades.csv')
  writeFileSync(path, ['symbol,price,volume,timestamp_ms,conditions', ...rows, ''].join('\n'))
  const feed = { FEED: 'file', FILE__PATH: path, FILE__SPEED: 'max' }
  const tradelog = startTradelog(['start'], { ...embeddedStores(), ...feed })
  const { page, errors, close } = await test.open(await tradelog.address())
  const cells = (selector: string) => page.locator(selector).allTextContents()
  const shows = (selector: string, expected: readonly string[]) =>
    seen(async () => JSON.stringify(await cells(selector)) === JSON.stringify(expected))
  await shows('#symbols .price', ['0.00000000175', '284,578,000.00000004'])
  await shows('#symbols .vwap', ['0.00000000173', '284,578,000.00000004'])
  await shows('#symbols .change', ['+0.00000000003', '0.00000000'])
  await page.locator('#symbols tr[data-symbol="PEPE"] button').click()
  await shows('#tape td:nth-child(2)', ['0.00000000175', '0.00000000172'])
  await shows('#candle div:nth-child(2) dd', ['0.00000000175'])
  await page.locator('#symbols tr[data-symbol="YOBIT:LIZA"] button').click()
  await shows('#tape td:nth-child(3)', ['3,526,246,938.98713386'])
  assert.equal(errors, [])
  await close()
  await tradelog.kill()
})

test.run()
