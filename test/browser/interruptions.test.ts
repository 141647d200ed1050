import axe from 'axe-core'
import * as assert from 'uvu/assert'
import { browserSuite, seen } from '../support/browser.ts'
import { embeddedStores } from '../support/store-pair.ts'
import { startTradelog } from '../support/tradelog.ts'

const test = browserSuite('interruptions in a browser')

/** How many pixels of the chart have the colour of incomplete candles: the shade on the panel. */
const shadedPixels = `(() => {
  const hex = (name) => getComputedStyle(document.body).getPropertyValue(name).match(/[0-9a-f]{2}/g)
  const [shade, panel] = [hex('--shade'), hex('--panel')].map((of) => of.map((x) => parseInt(x, 16)))
  const mixed = [0, 1, 2].map((i) => panel[i] + (shade[i] - panel[i]) * shade[3] / 255)
  let count = 0
  for (const canvas of document.querySelectorAll('#canvas canvas')) {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    for (let at = 0; at < data.length; at += 4) {
      if (mixed.every((value, i) => Math.abs(data[at + i] - value) <= 2)) count++
    }
  }
  return count
})()`

test('incomplete candles are shaded and explained, light and dark, without a reload', async () => {
  const settings = embeddedStores()
  const roles = [startTradelog(['project'], settings), startTradelog(['api'], settings)] as const
  const first = startTradelog(['ingest'], settings)
  const address = await roles[1].address()
  const { page, errors, close } = await test.open(`${address}/#symbol=AAPL&interval=1d`)
  const [note, legend] = [page.locator('#interruptions'), page.locator('#candle')]
  const label = async () => (await page.locator('#canvas').getAttribute('aria-label')) ?? ''
  await seen(async () => /^AAPL: candles of 1d, \d from \S+ \S+$/.test(await label()))
  assert.not(await note.isVisible())
  // The edges of letters may have that colour too.
  assert.ok(Number(await page.evaluate(shadedPixels)) < 100)

  await first.kill('SIGKILL')
  const second = startTradelog(['ingest'], settings)
  await seen(async () => /, [12] incomplete$/.test(await label()))
  assert.is(await note.textContent(), 'The feed was interrupted: trades may be missing.')
  assert.match((await legend.textContent()) ?? '', 'Feedinterrupted')
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme })
    await seen(async () => Number(await page.evaluate(shadedPixels)) > 500)
    assert.ok(await note.isVisible())
    await page.evaluate(axe.source)
    const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults
    assert.equal(
      violations.filter(({ impact }) => impact === 'serious' || impact === 'critical'),
      [],
      colorScheme,
    )
  }
  assert.equal(errors, [])
  await close()
  for (const role of [second, ...roles]) await role.kill()
})

test.run()
