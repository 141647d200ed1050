import * as assert from 'uvu/assert'
import { get } from '../../support/api-client.ts'
import { embeddedStores } from '../../support/store-pair.ts'
import { suite } from '../../support/suite.ts'
import { runTradelog, type Settings, startTradelog } from '../../support/tradelog.ts'

const test = suite('verify')

async function done(args: readonly string[], settings: Settings): Promise<string> {
  const { code, stdout, stderr } = await runTradelog(args, settings)
  assert.is(code, 0, stderr)
  return stdout
}

type Shown = Readonly<{
  name: string
  generations: readonly Readonly<{ id: string; role: string }>[]
  verification: Readonly<{ generation: string }> | null
}>

async function shown(settings: Settings): Promise<Shown | undefined> {
  const api = startTradelog(['api'], settings)
  const { data } = await get<{ data: readonly Shown[] }>(
    `${await api.address()}/api/v1/read-models`,
  )
  await api.kill()
  return data.data.find(({ name }) => name === 'trades')
}

test('the API shows only verifications of the active generation', async () => {
  const settings = embeddedStores()
  const ofTrades = ['--model', 'trades']
  await done(['replay', ...ofTrades], settings)
  await done(['replay', ...ofTrades], settings)
  const generations = (await shown(settings))?.generations ?? []
  const named = (role: string) => generations.find((each) => each.role === role)?.id ?? ''
  const verified = async (role: string) => {
    const args = ['verify', ...ofTrades, '--generation', named(role), '--json']
    assert.is(JSON.parse(await done(args, settings)).generation, named(role))
    return (await shown(settings))?.verification
  }
  assert.is(await verified('former'), null)
  assert.is((await verified('active'))?.generation, named('active'))
  await done(['verify', ...ofTrades], settings)
  assert.is((await verified('former'))?.generation, named('active'))
})

test('a generation of another model is refused', async () => {
  const settings = { ...embeddedStores(), LOG__LEVEL: 'silent' }
  await done(['replay', '--model', 'trades'], settings)
  const [{ id } = { id: '' }] = (await shown(settings))?.generations ?? []
  const args = ['verify', '--model', 'vwap', '--generation', id]
  const { code, stdout, stderr } = await runTradelog(args, settings)
  assert.equal([code, stdout], [2, ''])
  assert.match(stderr, /^tradelog: CONFIG_INVALID: vwap has no generation trades-.*\n$/)
})

test.run()
