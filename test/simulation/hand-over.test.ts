import * as assert from 'uvu/assert'
import { faultRounds } from '../support/random.ts'
import { suite } from '../support/suite.ts'
import { withFakeTime } from './fake-time.ts'
import { mutations } from './mutations.ts'
import { simulate } from './simulate.ts'

/**
 * Goal: no row of the feed is lost or recorded twice, no event is skipped or applied twice in any
 * generation that was ever promoted, and no reader sees a page walk broken or time go back. Method:
 * the real ingest, project role, replay, rollback and routes over stores, a feed and a clock in
 * memory. A seed decides which pending operation or timer of which process runs next. It decides
 * which is late, fails before or after its effect, is repeated, is written in parts, or is stale
 * after a failover. It also decides which process crashes, hangs for a while, or loses partitions.
 * `TRADELOG_SEED=n` runs one seed and prints all its steps.
 */
const test = suite('hand-over, simulated')

/** 300 seeds with the usual two rounds; 100,000 with the twenty of `npm run test:full`. */
const seeds = faultRounds * (faultRounds < 20 ? 150 : 5_000)

/** Every fault must be found within so many seeds. */
const mutationSeedsMax = 1_000

const oneSeed = process.env.TRADELOG_SEED

test(
  `nothing is lost, counted twice or shown out of order in ${seeds} seeded interleavings`,
  async () => {
    if (oneSeed !== undefined) return
    const startedAt = performance.now()
    const sum = { steps: 0, promoted: 0 }
    await withFakeTime(async () => {
      for (let seed = 1; seed <= seeds; seed++) {
        const { violation, steps, promoted } = await simulate(seed)
        assert.is(violation, undefined, `TRADELOG_SEED=${seed}: ${violation}`)
        sum.steps += steps
        sum.promoted += promoted
      }
    })
    const perSecond = Math.round(seeds / ((performance.now() - startedAt) / 1_000))
    process.stdout.write(
      `${seeds} interleavings, ${sum.steps} steps, ${sum.promoted} promoted generations, ` +
        `${perSecond} interleavings/s\n`,
    )
    assert.ok(sum.promoted > seeds)
  },
  // A hundred interleavings a second is usual, a tenth of that on a busy machine.
  { timeoutMs: seeds * 100 + 900_000 },
)

test('one seed, if asked for, with all its steps', async () => {
  if (oneSeed === undefined) return
  await withFakeTime(async () => {
    const { violation, trace } = await simulate(Number(oneSeed), { traced: true })
    process.stdout.write(`${trace.join('\n')}\n`)
    assert.is(violation, undefined)
  })
})

test('a seed replays exactly', async () => {
  await withFakeTime(async () => {
    for (const seed of [1, 2, 3, 5, 8]) {
      const first = await simulate(seed, { traced: true })
      const second = await simulate(seed, { traced: true })
      assert.ok(first.trace.length > 100)
      assert.equal(second, first)
    }
  })
})

for (const [name, mistake] of Object.entries(mutations)) {
  test(
    `finds ${name}`,
    async () => {
      await withFakeTime(async () => {
        for (let seed = 1; seed <= mutationSeedsMax; seed++) {
          if ((await simulate(seed, mistake)).violation !== undefined) return
        }
        assert.unreachable(`not found in ${mutationSeedsMax} interleavings`)
      })
    },
    { timeoutMs: 120_000 },
  )
}

test.run()
