import { readFileSync } from 'node:fs'
import { contentSecurityPolicy } from '../http/headers.ts'
import type { Page } from './page.ts'

/** The page that shows the read models: its files as they are written, and its chart library. */
export const publicPages = (): readonly Page[] => [
  filePage('/', () => inFolder('index.html')),
  filePage('/page/lightweight-charts.js', chartLibrary),
  ...files.map((name) => filePage(`/page/${name}`, () => inFolder(name))),
]

const files = [
  'api.js',
  'candles.js',
  'chart.js',
  'connection.js',
  'element.js',
  'feeds.js',
  'format.js',
  'history.js',
  'icon.svg',
  'live.js',
  'main.js',
  'pace.js',
  'page.css',
  'panel.js',
  'read-models.js',
  'refresher.js',
  'sparkline.js',
  'symbols.js',
  'tape.js',
]

const inFolder = (name: string): URL => new URL(`../public/${name}`, import.meta.url)

/** The build for browsers, which is in the package beside the one that it exports. */
function chartLibrary(): URL {
  const exported = import.meta.resolve('lightweight-charts')
  return new URL('lightweight-charts.standalone.production.mjs', exported)
}

const types: Readonly<Record<string, string>> = {
  css: 'text/css',
  js: 'text/javascript',
  svg: 'image/svg+xml',
}

/** Finds and reads the file on each request: an API without the page's files still starts. */
const filePage = (path: string, locate: () => URL): Page => ({
  path,
  headers: {
    'Content-Type': `${types[path.split('.')[1] ?? ''] ?? 'text/html'}; charset=utf-8`,
    'Content-Security-Policy': ownOnly,
  },
  body: () => readFileSync(locate(), 'utf8'),
})

const ownOnly = contentSecurityPolicy(
  ['script', 'style', 'connect', 'img'].map((kind) => `${kind}-src 'self'`),
)
