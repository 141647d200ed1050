import * as assert from 'uvu/assert'
import { browserSuite, seen } from '../support/browser.ts'
import { embeddedStores } from '../support/store-pair.ts'
import { startTradelog } from '../support/tradelog.ts'

const test = browserSuite('page in a browser')

/** How many pixels of the chart have the colour of a candle that rose or fell. */
const candlePixels = `(() => {
  const style = getComputedStyle(document.body)
  const colour = (name) => style.getPropertyValue(name).match(/[0-9a-f]{2}/g).map((x) => parseInt(x, 16)).join()
  const colours = [colour('--up'), colour('--down')]
  let count = 0
  for (const canvas of document.querySelectorAll('#canvas canvas')) {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    for (let at = 0; at < data.length; at += 4) {
      if (colours.includes(data.slice(at, at + 3).join())) count++
    }
  }
  return count
})()`

test('prices move, the chart draws, and no other host is contacted', async () => {
  const tradelog = startTradelog(['start'], embeddedStores())
  const address = await tradelog.address()
  const { page, errors, origins, close } = await test.open(address)
  await seen(async () => (await page.locator('#symbols tbody tr').count()) === 6)
  await seen(async () => (await page.locator('#connection').textContent()) === 'Live')
  const price = page.locator('#symbols tr[data-symbol="AAPL"] .price')
  const newest = page.locator('#tape tbody tr').first()
  const before = [await price.textContent(), await newest.textContent()]
  await seen(async () => (await price.textContent()) !== before[0])
  await seen(async () => (await newest.textContent()) !== before[1])
  await seen(async () => Number(await page.evaluate(candlePixels)) > 100)
  assert.ok((await page.locator('#symbols polyline').first().getAttribute('points'))?.includes(' '))
  assert.equal([...origins], [address])
  assert.equal(errors, [])
  await close()
  await tradelog.kill()
})

test('symbol and interval are chosen by keyboard, and a reload shows the same', async () => {
  const tradelog = startTradelog(['start'], embeddedStores())
  const { page, errors, close } = await test.open(await tradelog.address())
  await seen(async () => (await page.locator('#symbols tbody tr').count()) === 6)
  await page.locator('#symbols tr[data-symbol="AAPL"] button').focus()
  await page.keyboard.press('ArrowDown')
  await page.locator('#intervals input:checked').focus()
  await page.keyboard.press('ArrowRight')
  const canvas = page.locator('#canvas')
  const isChosen = async () =>
    /^AMD: candles of 5m, \d+ from /.test((await canvas.getAttribute('aria-label')) ?? '')
  await seen(isChosen)
  await page.reload()
  await seen(isChosen)
  assert.is(await page.locator('#symbols [aria-pressed="true"]').textContent(), 'AMD')
  assert.is(await page.locator('#intervals input:checked').getAttribute('value'), '5m')
  assert.is(await page.title(), 'AMD · tradelog')
  assert.equal(errors, [])
  await close()
  await tradelog.kill()
})

test('shows that there are no trades yet, and the first ones without a reload', async () => {
  const settings = embeddedStores()
  const withoutFeed = { ...settings, FEED: 'none' }
  const roles = [
    startTradelog(['project'], withoutFeed),
    startTradelog(['api'], withoutFeed),
  ] as const
  const address = await roles[1].address()
  await seen(async () => (await fetch(`${address}/readyz`)).ok)
  const { page, errors, close } = await test.open(address)
  const notice = page.locator('#symbols .notice')
  await seen(async () => /^No trades yet/.test((await notice.textContent()) ?? ''))
  assert.ok(await page.locator('#chart .notice').isVisible())
  assert.ok(await page.locator('#tape .notice').isVisible())
  const ingest = startTradelog(['ingest'], settings)
  await seen(async () => (await page.locator('#symbols tbody tr').count()) === 6)
  await seen(async () => (await page.locator('#tape tbody tr').count()) > 3)
  assert.not(await page.locator('#chart .notice').isVisible())
  assert.equal(errors, [])
  await close()
  for (const role of [ingest, ...roles]) await role.kill()
})

test('a failure is shown in its panel, which recovers by itself', async () => {
  const tradelog = startTradelog(['start'], embeddedStores())
  const { page, close } = await test.open(await tradelog.address())
  await seen(async () => (await page.locator('#tape tbody tr').count()) > 0)
  const failure = { data: null, error: { code: 'TIMEOUT' }, message: 'took longer than 5000 ms' }
  await page.route('**/api/v1/trades/**', (route) => route.fulfill({ status: 504, json: failure }))
  const notice = page.locator('#tape .notice')
  await seen(async () => (await notice.textContent()) === failure.message)
  assert.ok(await notice.isVisible())
  assert.ok((await page.locator('#tape tbody tr').count()) > 0)
  await page.locator('#symbols button', { hasText: 'TSLA' }).click()
  await seen(async () => (await page.locator('#tape tbody tr').count()) === 0)
  await seen(async () => (await notice.textContent()) === failure.message)
  await page.unroute('**/api/v1/trades/**')
  await seen(async () => !(await notice.isVisible()))
  assert.ok((await page.locator('#tape tbody tr').count()) > 0)
  await close()
  await tradelog.kill()
})

test.run()
