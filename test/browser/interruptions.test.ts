import axe from 'axe-core'
import * as assert from 'uvu/assert'
import { browserSuite, seen } from '../support/browser.ts'
import {
  type Feed,
  firstListened,
  reportFeed,
  reportProjectors,
  type Store,
} from '../support/listening.ts'
import { startTestApi } from '../support/read-api.ts'
import { trade } from '../support/trade.ts'

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

/** Processes that report twice a second, and change what they say of the feed. */
function reporting(store: Store) {
  let feed = (): Partial<Feed> => ({})
  const report = async () => {
    await reportFeed(store, { heardUntil: Date.now(), ...feed() })
    await reportProjectors(store, Date.now())
  }
  let last = Promise.resolve()
  const timer = setInterval(() => {
    last = report()
  }, 500)
  return {
    connected: () => {
      feed = () => ({})
    },
    lost: (from: number) => {
      const interruption = { reason: 'disconnected', from, until: null }
      feed = () => ({ state: 'disconnected', heardUntil: from, interruption })
    },
    stop: () => {
      clearInterval(timer)
      return last
    },
  }
}

test('incomplete candles are shaded and explained, light and dark, without a reload', async () => {
  const { api, store, record, close: closeApi } = await startTestApi()
  const processes = reporting(store)
  await record([
    firstListened('AAPL', Date.now() - 48 * 60 * 60_000),
    trade({ executedAt: Date.now() }),
  ])
  const { page, errors, close } = await test.open(`${api.url}/#symbol=AAPL&interval=1d`)
  const [note, legend] = [page.locator('#interruptions'), page.locator('#candle')]
  const label = async () => (await page.locator('#canvas').getAttribute('aria-label')) ?? ''
  const isWhole = async () => /^AAPL: candles of 1d, 1 from \S+ \S+$/.test(await label())
  await seen(isWhole)
  assert.not(await note.isVisible())
  // The edges of letters may have that colour too.
  assert.ok(Number(await page.evaluate(shadedPixels)) < 100)

  processes.lost(Date.now())
  await seen(async () => /, 1 incomplete$/.test(await label()))
  assert.is(await note.textContent(), 'Shaded: trades may be missing, or are not known yet.')
  assert.match((await legend.textContent()) ?? '', 'Completeno')
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
  processes.connected()
  await seen(isWhole)
  assert.not(await note.isVisible())
  assert.equal(errors, [])
  await close()
  await processes.stop()
  await closeApi()
})

test('older candles are shaded too when the feed turns out to be lost for longer', async () => {
  const { api, store, record, close: closeApi } = await startTestApi()
  const processes = reporting(store)
  const now = Date.now()
  const times = [now - 120_000, now - 60_000, now]
  await record([firstListened('AAPL', now - 48 * 60 * 60_000)])
  await record(times.map((executedAt) => trade({ executedAt })))
  const { page, close } = await test.open(`${api.url}/#symbol=AAPL&interval=1m`)
  const label = async () => (await page.locator('#canvas').getAttribute('aria-label')) ?? ''
  await seen(async () => /, 3 from \S+ \S+$/.test(await label()))
  processes.lost(now - 60_000)
  await seen(async () => /, 2 incomplete$/.test(await label()))
  await close()
  await processes.stop()
  await closeApi()
})

test.run()
