import axe from 'axe-core'
import type { Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { browserSuite, seen } from '../support/browser.ts'
import { embeddedStores } from '../support/store-pair.ts'
import { startTradelog } from '../support/tradelog.ts'

const test = browserSuite('accessibility in a browser')

const views = [
  { colorScheme: 'light', width: 1280 },
  { colorScheme: 'dark', width: 1280 },
  { colorScheme: 'light', width: 360 },
  { colorScheme: 'dark', width: 360 },
] as const

test('axe finds nothing serious, light and dark, wide and narrow', async () => {
  const tradelog = startTradelog(['start'], embeddedStores())
  const address = await tradelog.address()
  for (const { colorScheme, width } of views) {
    const view = `${colorScheme}, ${width} px wide`
    const options = { colorScheme, viewport: { width, height: 800 } }
    const { page, close } = await test.open(address, options)
    await seen(async () => (await page.locator('#tape tbody tr').count()) > 0)
    await seen(() => page.locator('article').first().isVisible())
    assert.equal(await seriousIn(page), [], view)
    assert.is(await page.evaluate('document.documentElement.scrollWidth'), width, view)
    await close()
  }
  await tradelog.kill()
})

test('the API page is no wider than its window, and axe finds nothing serious', async () => {
  const tradelog = startTradelog(['api'], embeddedStores())
  const address = await tradelog.address()
  for (const { colorScheme, width } of views) {
    const view = `${colorScheme}, ${width} px wide`
    const options = { colorScheme, viewport: { width, height: 800 } }
    const { page, close } = await test.open(`${address}/docs`, options)
    assert.equal(await seriousIn(page), [], view)
    assert.is(await page.evaluate('document.documentElement.scrollWidth'), width, view)
    await close()
  }
  await tradelog.kill()
})

async function seriousIn(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`)
}

test.run()
