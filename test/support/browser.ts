import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { eventually } from './eventually.ts'
import { type Suite, suite } from './suite.ts'

const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

type OpenedPage = Readonly<{
  page: Page
  /** What the console calls an error, uncaught errors included. */
  errors: readonly string[]
  /** The origin of every request so far. */
  origins: ReadonlySet<string>
  close: () => Promise<void>
}>

type BrowserSuite = Pick<Suite, 'run'> & {
  (name: string, body: () => Promise<void>): void
  open: (address: string, options?: BrowserContextOptions) => Promise<OpenedPage>
}

/** Waits until a page shows something: on a busy machine, browser and program are slow. */
export const seen = (check: () => boolean | Promise<boolean>): Promise<boolean> =>
  eventually(check, { timeoutMs: 45_000, everyMs: 50 })

/** A suite whose tests share a browser; without one on this machine they are skipped. */
export function browserSuite(title: string): BrowserSuite {
  const test = suite(title)
  const isThere = existsSync(executablePath)
  let launched: Promise<Browser> | undefined
  const launch = () => {
    launched ??= chromium.launch({ executablePath, args })
    return launched
  }
  test.after(async () => (await launched)?.close())
  const withTime = (name: string, body: () => Promise<void>) => {
    if (isThere) test(name, body, { timeoutMs: 120_000 })
    else test.skip(name, `no browser at ${executablePath}; CHROMIUM_PATH names another`)
  }
  return Object.assign(withTime, {
    open: async (address: string, options = {}) => await openPage(await launch(), address, options),
    run: test.run,
  })
}

async function openPage(
  browser: Browser,
  address: string,
  options: BrowserContextOptions,
): Promise<OpenedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  const page = await context.newPage()
  const errors: string[] = []
  const origins = new Set<string>()
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  page.on('pageerror', (error) => errors.push(String(error.stack)))
  page.on('request', (request) => origins.add(new URL(request.url()).origin))
  await page.goto(address)
  return { page, errors, origins, close: () => context.close() }
}
