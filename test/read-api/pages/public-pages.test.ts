import * as assert from 'uvu/assert'
import { startTestApi } from '../../support/read-api.ts'
import { suite } from '../../support/suite.ts'

const test = suite('page of the read API')

const types: Readonly<Record<string, string>> = {
  '/': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
}

const ownFile = /(?:(?:href|src)="|from '\.)(\/(?:page\/)?[a-z-]+\.[a-z]+)["']/g

/** What a file loads, as paths: modules name each other beside themselves. */
const loadedBy = (path: string, text: string): string[] =>
  Array.from(text.matchAll(ownFile), ([, to = '']) => (path === '/' ? to : `/page${to}`))

test('every file that the page needs is served, and none comes from elsewhere', async () => {
  const { get, close } = await startTestApi()
  const paths = new Set(['/'])
  for (const path of paths) {
    const { status, text, headers } = await get(path)
    assert.is(status, 200, path)
    assert.is(headers['content-type'], types[/\.[a-z]+$/.exec(path)?.[0] ?? path], path)
    const policy = String(headers['content-security-policy'])
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/, path)
    assert.not.match(policy, /unsafe|http|\*/)
    if (path === '/page/lightweight-charts.js') continue
    for (const loaded of loadedBy(path, text)) paths.add(loaded)
    assert.not.match(text, /@import|url\(|style="|\son[a-z]+="/, path)
  }
  assert.ok(paths.has('/page/page.css') && paths.has('/page/chart.js'))
  assert.ok(paths.has('/page/lightweight-charts.js'))
  await close()
})

test('a file of the page is sent again only when it has changed', async () => {
  const { get, close } = await startTestApi()
  const { headers } = await get('/page/main.js')
  const again = await get('/page/main.js', { headers: { 'If-None-Match': String(headers.etag) } })
  assert.is(again.status, 304)
  assert.is((await get('/page/../../../../package.json')).status, 404)
  await close()
})

test.run()
