import pino from 'pino'
import * as assert from 'uvu/assert'
import { openReadModelStore } from '../../src/compose.ts'
import { decodeKey, encodeKey } from '../../src/read-model-store/key.ts'
import { loadConfig } from '../../src/runtime/config/config.ts'
import { createLifetime } from '../../src/runtime/lifetime.ts'
import { type Hand, withHand } from '../support/hand.ts'
import { storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import { runTradelog, type Settings, settingsEnvironment } from '../support/tradelog.ts'
import { complete, oneRound, startFlow, stopAll, verified } from './flow.ts'

const test = suite(`rows changed by hand on ${storePair.name}`)
const rows = 400

type Deed = Readonly<{ says: RegExp; by: (hand: Hand, key: string) => Promise<void> }>

function nobody(key: string): string {
  const [, ...rest] = decodeKey(key)
  return encodeKey(['NOBODY', ...rest])
}

const deedsOn = (field: string): readonly Deed[] => [
  {
    says: new RegExp(`: ${field} is "?4711"?, should be `),
    by: (hand, key) => hand.change(key, (row) => ({ ...row, [field]: otherThan(row[field]) })),
  },
  { says: /: the row is missing; it should be /, by: (hand, key) => hand.remove(key) },
  {
    says: /NOBODY.*: the log has no such row; /,
    by: (hand, key) => hand.copy(key, nobody(key)),
  },
]

const otherThan = (value: unknown) => (typeof value === 'number' ? 4711 : '4711')

/** The active generation of a model, and the key of a row in its middle. */
async function served(settings: Settings, model: string) {
  const { config } = loadConfig({ environment: settingsEnvironment(settings) })
  const life = createLifetime()
  const { signal } = new AbortController()
  const store = await openReadModelStore({ config, life, logger: pino({ enabled: false }), signal })
  try {
    const generation = (await store.pointer(model))?.active ?? ''
    const keys: string[] = []
    for await (const chunk of (await store.open(generation)).scan()) {
      keys.push(...chunk.map(({ key }) => key))
    }
    return { generation, key: keys[Math.floor(keys.length / 2)] ?? '' }
  } finally {
    await life.close()
  }
}

async function foundAndMended(
  settings: Settings,
  { model, kind }: { model: string; kind: 'series' | 'state' },
  { says, by }: Deed,
) {
  const { generation, key } = await served(settings, model)
  await withHand({ settings, generation, kind }, (hand) => by(hand, key))
  const { code, stdout } = await runTradelog(['verify', '--model', model], settings)
  assert.is(code, 1, stdout)
  assert.match(stdout, `${model}: DIFFERENT from the log (1 of `)
  assert.match(stdout, says)
  const replay = await runTradelog(['replay', '--model', model], settings)
  assert.is(replay.code, 0, replay.stdout + replay.stderr)
}

for (const [model, kind, field] of [
  ['trades', 'series', 'price'],
  ['symbols', 'state', 'tradeCount'],
] as const) {
  test(
    `a row of ${model} that is changed, removed or added is named by verify, and mended by replay`,
    () =>
      oneRound(async ({ seed, start }) => {
        const flow = await startFlow({ rows, rowsPerSecond: 'max', seed })
        const tradelog = start(['start'], flow.settings)
        await complete(await tradelog.address(), flow)
        for (const deed of deedsOn(field)) {
          await foundAndMended(flow.settings, { model, kind }, deed)
        }
        await verified(flow.settings)
        await stopAll([tradelog])
      }),
    { timeoutMs: 180_000 },
  )
}

test.run()
