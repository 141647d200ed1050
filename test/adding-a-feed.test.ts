import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { startScriptedFeed } from './ingest/scripted-feed.ts'
import { get } from './support/api-client.ts'
import { eventually } from './support/eventually.ts'
import { followed, readRecipe, runIn } from './support/recipe.ts'
import { embeddedStores } from './support/store-pair.ts'
import { suite } from './support/suite.ts'
import { startTradelog } from './support/tradelog.ts'

const test = suite('the recipe of docs/adding-a-feed.md')
const recipe = readRecipe('docs/adding-a-feed.md')

test('names every file that it touches', () => {
  assert.equal(recipe.steps.map(({ path }) => path).sort(), recipe.tabled.toSorted())
})

type Page<Row> = { data: readonly Row[] }

test(
  'when followed to the letter, adds a feed that runs beside another',
  async () => {
    const copy = followed(recipe)
    await runIn(copy, 'node_modules/typescript/bin/tsc', '-p', '.')
    await runIn(copy, 'dist/test/run.js', 'feeds/kraken', 'runtime/config')
    const [finnhub, kraken] = [await startScriptedFeed(), await startScriptedFeed()]
    const settings = {
      ...embeddedStores(),
      FEED: 'finnhub,kraken',
      FINNHUB__URL: finnhub.url,
      FINNHUB__TOKEN: 'token',
      KRAKEN__URL: kraken.url,
      SUBSCRIBED_SYMBOLS: 'AAPL,KRAKEN:BTC/USD',
    }
    const tradelog = startTradelog(['start'], settings, [join(copy, 'dist/src/cli/main.js')])
    const address = await tradelog.address()
    const rowsOf = async <Row>(route: string, symbol: string): Promise<readonly Row[]> => {
      const path = `${address}/api/v1/${route}/${encodeURIComponent(symbol)}`
      const { status, data } = await get<Page<Row>>(path)
      return status === 200 ? data.data : []
    }
    const pricesOf = async (symbol: string) =>
      (await rowsOf<{ price: string }>('trades', symbol)).map(({ price }) => price)

    await eventually(() => finnhub.heard[0]?.length === 1 && kraken.heard[0]?.length === 1)
    const timestamp = new Date().toISOString()
    kraken.send({
      channel: 'trade',
      data: [{ symbol: 'BTC/USD', price: 88_123.4, qty: 1, timestamp }],
    })
    finnhub.send({ type: 'trade', data: [{ s: 'AAPL', p: 196.38, v: 1, t: Date.now() }] })
    await eventually(async () => {
      const prices = [await pricesOf('AAPL'), await pricesOf('KRAKEN:BTC/USD')]
      return prices.join() === '196.38,88123.4'
    })
    kraken.sockets[0]?.terminate()
    await eventually(() => kraken.heard[1]?.length === 1)
    kraken.send({ channel: 'heartbeat' })
    await eventually(async () => {
      const [interruption] = await rowsOf<{ reason: string }>('interruptions', 'KRAKEN:BTC/USD')
      return interruption?.reason === 'disconnected'
    })
    const ofOther = await rowsOf<{ reason: string }>('interruptions', 'AAPL')
    assert.equal(
      ofOther.map(({ reason }) => reason),
      ['not listened before'],
    )
    await tradelog.kill('SIGTERM')
    await Promise.all([finnhub.close(), kraken.close()])
  },
  { timeoutMs: 180_000 },
)

test.run()
