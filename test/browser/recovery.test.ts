import * as assert from 'uvu/assert'
import { browserSuite, seen } from '../support/browser.ts'
import { freePort } from '../support/free-port.ts'
import { embeddedStores } from '../support/store-pair.ts'
import { startTradelog } from '../support/tradelog.ts'

const test = browserSuite('recovery in a browser')

test('a server that is restarted is shown as lost, then live, without a reload', async () => {
  const settings = { ...embeddedStores(), API_PORT: String(await freePort()) }
  const first = startTradelog(['start'], settings)
  const address = await first.address()
  const { page, errors, close } = await test.open(address)
  const connection = page.locator('#connection')
  const count = page.locator('#symbols tr[data-symbol="AAPL"] .count')
  await seen(async () => Number(await count.textContent()) > 5)
  assert.equal(errors, [])
  await page.evaluate('window.isStillTheSame = true')

  await first.kill('SIGKILL')
  await seen(async () => /^Not live since /.test((await connection.textContent()) ?? ''))
  const counted = Number(await count.textContent())
  const second = startTradelog(['start'], settings)
  await seen(async () => (await connection.textContent()) === 'Live')
  await seen(async () => Number(await count.textContent()) > counted)
  const newest = page.locator('#tape tbody tr').first()
  const before = await newest.textContent()
  await seen(async () => (await newest.textContent()) !== before)
  assert.is(await page.evaluate('window.isStillTheSame'), true)
  assert.not(await page.locator('.panel > .notice').filter({ visible: true }).count())
  const own = errors.filter((error) => !error.startsWith('Failed to load resource: net::'))
  assert.equal(own, [])
  await close()
  await second.kill()
})

test.run()
