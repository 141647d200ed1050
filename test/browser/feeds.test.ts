import axe from 'axe-core'
import type { Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import type { IngestStatus } from '../../src/read-model-store/status.ts'
import { browserSuite, seen } from '../support/browser.ts'
import { feedReport, ingestReport, refusedReport } from '../support/ingest-report.ts'
import { startTestApi, type TestApi } from '../support/read-api.ts'
import { trade } from '../support/trade.ts'

const test = browserSuite('feeds in a browser')

/** An API whose read models are caught up, with some trades; what ingest reports is the test's. */
async function startPage(expectsIngest = true) {
  // Its clock stands still: what was reported once stays fresh, however slow the machine is.
  let now = Date.now()
  const api = await startTestApi({ expectsIngest, now: () => now })
  await api.record([trade(), trade()])
  const { page, errors, close } = await test.open(api.api.url)
  await seen(async () => (await page.locator('#symbols tbody tr').count()) === 1)
  return {
    api,
    page,
    report: (status: IngestStatus) => api.store.writeStatus('ingest:1', status),
    minutesLater: (minutes: number) => {
      now += minutes * 60_000
    },
    close: async () => {
      assert.equal(errors, [])
      await close()
      await api.close()
    },
  }
}

const signOf = (page: Page) => page.locator('#connection').textContent()
const feedsOf = (page: Page) => page.locator('#feeds p').allTextContents()

/** Waits until the page says this of the feeds, and whether it is live. */
async function shows(page: Page, sign: string, feeds: readonly (string | RegExp)[]) {
  const matches = (text: string, wanted: string | RegExp | undefined) =>
    typeof wanted === 'string' ? text === wanted : wanted?.test(text)
  await seen(async () => {
    const texts = await feedsOf(page)
    const isSaid =
      texts.length === feeds.length && texts.every((text, i) => matches(text, feeds[i]))
    return isSaid && (await signOf(page)) === sign
  })
}

test('is live only while the feed is connected', async () => {
  const { page, report, minutesLater, close } = await startPage()
  await shows(page, 'Not live', ['No process has reported on the feed'])
  await report(ingestReport())
  await shows(page, 'Live', ['Feed finnhub connected'])
  await seen(async () => / · 0\/s$/.test((await page.locator('#pace').textContent()) ?? ''))
  await report(refusedReport())
  await shows(page, 'Not live', [
    'Feed finnhub not connected since 2025-11-20 00:00: the feed answers 401: check finnhub.token',
  ])
  await report(ingestReport())
  await shows(page, 'Live', ['Feed finnhub connected'])
  minutesLater(10)
  await shows(page, 'Not live', [/^No report on the feed since /])
  await close()
})

test('a file that has been played, and no feed, are said, and show no rate', async () => {
  const { page, report, close } = await startPage(false)
  const pace = page.locator('#pace')
  await shows(page, 'Not live', ['No feed'])
  await seen(async () => (await pace.textContent()) === '2 trades')
  await report(ingestReport())
  await seen(async () => (await pace.textContent()) === '2 trades · 0/s')
  await report(ingestReport({ feeds: [feedReport({ source: 'file', state: 'played' })] }))
  await shows(page, 'Not live', ['The file has been played'])
  await seen(async () => (await pace.textContent()) === '2 trades')
  await close()
})

test('a feed that is connected with trouble is not live, and the trouble is said', async () => {
  const { page, report, close } = await startPage()
  const refused = (count: number) => `${count} trades are refused: is this machine's clock right?`
  const live = () => page.locator('#feeds').getAttribute('aria-live')
  for (const [count, isSaidAloud] of [
    [5_000, 'polite'],
    [5_100, 'off'],
  ] as const) {
    const problem = refused(count)
    await report(ingestReport({ feeds: [feedReport({ problem })] }))
    await shows(page, 'Not live', [`Feed finnhub: ${problem}`])
    assert.is(await live(), isSaidAloud)
  }
  const since = Date.UTC(2025, 10, 20)
  const problems = [{ part: 'event store', message: 'takes no events', since }]
  await report(ingestReport({ problems }))
  await shows(page, 'Not live', [
    'Feed finnhub connected',
    'event store takes no events, since 2025-11-20 00:00',
  ])
  for (const [state, text] of [
    ['standing by', 'ingest stands by'],
    ['stopped', 'ingest has stopped'],
  ] as const) {
    await report(ingestReport({ state }))
    const when = '2025-11-20 00:00'
    await shows(page, 'Not live', [`No process listens to the feed since ${when}: ${text}`])
  }
  await close()
})

test('of several feeds those in trouble are named', async () => {
  const { page, report, close } = await startPage()
  const other = feedReport({ source: 'other' })
  await report(ingestReport({ feeds: [feedReport(), other] }))
  await shows(page, 'Live', ['2 feeds connected'])
  await report(ingestReport({ feeds: [feedReport(), { ...other, state: 'disconnected' }] }))
  await shows(page, 'Not live', [
    'Feed finnhub connected',
    'Feed other not connected since 2025-11-20 00:00',
  ])
  await close()
})

test('nothing is known of the feed while the API cannot read what ingest reports', async () => {
  const { page, report, api, close } = await startPage()
  await report(ingestReport())
  await shows(page, 'Live', ['Feed finnhub connected'])
  const failure = { data: null, error: { code: 'TIMEOUT' }, message: 'took longer than 5000 ms' }
  await page.route('**/api/v1/feeds', (route) => route.fulfill({ status: 200, json: failure }))
  await shows(page, 'Not live', [/^Feed not known/])
  await page.unroute('**/api/v1/feeds')
  await shows(page, 'Live', ['Feed finnhub connected'])
  assert.is(api.store.fault, 'none')
  await close()
})

/** What of the page has the colour of what is well; prices that have risen are data. */
const greenTexts = `(() => {
  const probe = document.body.appendChild(document.createElement('i'))
  probe.style.color = 'var(--up)'
  const green = getComputedStyle(probe).color
  probe.remove()
  return Array.from(document.querySelectorAll('#connection, #feeds p, .state, .verification'))
    .filter((one) => getComputedStyle(one).color === green)
    .map((one) => one.textContent)
})()`

const views = [
  { colorScheme: 'light', width: 1440 },
  { colorScheme: 'dark', width: 1440 },
  { colorScheme: 'light', width: 390 },
  { colorScheme: 'dark', width: 390 },
] as const

test('nothing is green while the feed is down, and all of it can be read', async () => {
  const { page, report, api, close } = await startPage()
  await reportModels(api)
  const model = page.locator('article .state').first()
  await seen(async () => (await model.textContent()) === 'caught up')
  for (const status of [
    ingestReport(),
    refusedReport(),
    ingestReport({ feeds: [feedReport({ state: 'played' })] }),
    ingestReport({ feeds: [] }),
  ]) {
    await report(status)
    const isLive = status.feeds[0]?.state === 'connected'
    await seen(async () => (await signOf(page)) === (isLive ? 'Live' : 'Not live'))
    for (const { colorScheme, width } of views) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 800 })
      const view = `${status.feeds[0]?.state}, ${colorScheme}, ${width} px wide`
      const green = (await page.evaluate(greenTexts)) as string[]
      if (isLive) assert.ok(green.includes('Live') && green.includes('caught up'), view)
      else assert.equal(green, [], view)
      assert.equal(await seriousIn(page), [], view)
      assert.is(await page.evaluate('document.documentElement.scrollWidth'), width, view)
    }
  }
  await close()
})

/** A process reports that every read model is caught up. */
async function reportModels({ store }: TestApi) {
  const models = await Promise.all(
    (await store.generations()).map(async ({ model, version, id: generation }) => ({
      model,
      version,
      generation,
      state: 'caught up',
      since: Date.now(),
      partitions: [],
      lastCommitAt: null,
      error: null,
    })),
  )
  await store.writeStatus('project:1', { kind: 'project', models, headsAt: Date.now() })
}

async function seriousIn(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`)
}

test.run()
