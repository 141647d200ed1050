import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { browserSuite, seen } from '../support/browser.ts'
import { embeddedStores } from '../support/store-pair.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runTradelog, startTradelog } from '../support/tradelog.ts'

const test = browserSuite('history in a browser')

const minutes = 1_000
const firstMinute = Date.UTC(2025, 10, 20)

/** Settings that play so many trades in each of the minutes, at once. */
function settingsOf(tradesPerMinute: number) {
  const rows = Array.from({ length: minutes * tradesPerMinute }, (_, at) => {
    const minute = Math.floor(at / tradesPerMinute)
    const price = (200 + 10 * Math.sin(at / 300)).toFixed(2)
    return `AAPL,${price},${1 + (at % 100)},${firstMinute + minute * 60_000 + (at % 60_000)},`
  })
  const path = join(temporaryDirectory(), 'trades.csv')
  writeFileSync(path, ['symbol,price,volume,timestamp_ms,conditions', ...rows, ''].join('\n'))
  return { ...embeddedStores(), FEED: 'file', FILE__PATH: path, FILE__SPEED: 'max' }
}

test('scrolling back loads older candles, to the very first', async () => {
  const tradelog = startTradelog(['start'], settingsOf(1))
  const address = await tradelog.address()
  await seen(async () => {
    const answer = await fetch(`${address}/api/v1/candles/AAPL?limit=${minutes}`)
    return (await answer.text()).split('"start"').length > minutes
  })
  const { page, errors, close } = await test.open(address)
  const canvas = page.locator('#canvas')
  const label = async () => (await canvas.getAttribute('aria-label')) ?? ''
  await seen(async () => /, 300 from /.test(await label()))
  await canvas.focus()
  await seen(async () => {
    for (let presses = 0; presses < 5; presses++) await page.keyboard.press('ArrowLeft')
    return (await label()) === 'AAPL: candles of 1m, 1000 from 2025-11-20 00:00'
  })
  await page.keyboard.press('End')
  assert.match((await page.locator('#candle').textContent()) ?? '', '2025-11-20 16:39')
  assert.equal(errors, [])
  await close()
  await tradelog.kill()
})

test('a replay is shown while it runs, and when it has ended', async () => {
  const settings = settingsOf(100)
  const tradelog = startTradelog(['start'], settings)
  const { page, errors, close } = await test.open(await tradelog.address())
  const candles = page.locator('#read-models article', { hasText: 'candles' })
  await seen(async () => /Applied100,000/.test((await candles.textContent()) ?? ''))
  const generation = await candles.locator('.generation').textContent()
  const replay = runTradelog(['replay', '--model', 'candles'], { ...settings, FEED: 'none' })
  await seen(() => candles.locator('progress').isVisible())
  assert.match((await candles.locator('.replay').textContent()) ?? '', /^Replaying \d+ %/)
  const { code, stderr } = await replay
  assert.is(code, 0, stderr)
  await seen(async () => /Replayed: 100,000 events read/.test((await candles.textContent()) ?? ''))
  assert.is(await candles.locator('progress').count(), 0)
  assert.is.not(await candles.locator('.generation').textContent(), generation)
  assert.is((await runTradelog(['verify'], { ...settings, FEED: 'none' })).code, 0)
  await seen(async () => /Verified .*equal/.test((await candles.textContent()) ?? ''))
  assert.equal(errors, [])
  await close()
  await tradelog.kill()
})

test.run()
