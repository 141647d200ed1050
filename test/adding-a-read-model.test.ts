import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { get } from './support/api-client.ts'
import { eventually } from './support/eventually.ts'
import { followed, readRecipe, runIn } from './support/recipe.ts'
import { embeddedStores } from './support/store-pair.ts'
import { suite } from './support/suite.ts'
import { runTradelog, startTradelog } from './support/tradelog.ts'

const test = suite('the recipe of docs/adding-a-read-model.md')
const recipe = readRecipe('docs/adding-a-read-model.md')

type Days = { data: readonly { trades: readonly unknown[] }[] }

test('names every file that it touches', () => {
  assert.equal(recipe.steps.map(({ path }) => path).sort(), recipe.tabled.toSorted())
})

test(
  'when followed to the letter, adds a model that passes the laws, is served and verified',
  async () => {
    const copy = followed(recipe)
    await runIn(copy, 'node_modules/typescript/bin/tsc', '-p', '.')
    await runIn(copy, 'dist/test/run.js', 'every-read-model', 'largest-trades', 'openapi')
    const program = join(copy, 'dist/src/cli/main.js')
    const settings = embeddedStores()
    const tradelog = startTradelog(['start'], settings, [program])
    const address = await tradelog.address()
    await eventually(
      async () => {
        const { status, data } = await get<Days>(`${address}/api/v1/largest-trades/AAPL`)
        return status === 200 && data.data[0]?.trades.length === 3
      },
      { timeoutMs: 30_000 },
    )
    const older = await get<Days>(
      `${address}/api/v1/largest-trades/AAPL?limit=1&before=946684800000`,
    )
    assert.equal(older.data, { data: [], pagination: { next_cursor: null } })
    const verify = await runTradelog(['verify', '--model', 'largest-trades'], settings, [program])
    assert.is(verify.code, 0, verify.stdout + verify.stderr)
    await tradelog.kill('SIGTERM')
  },
  { timeoutMs: 180_000 },
)

test.run()
