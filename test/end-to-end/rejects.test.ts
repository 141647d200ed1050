import { bury } from '../crash/burial.ts'
import { finishHere, runArmed } from '../crash/program.ts'
import { assertBroughtBack, rejected, rejectsStage } from '../crash/stage.ts'
import { faultRounds, seededRandom, testSeed } from '../support/random.ts'
import { storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'

const test = suite(`rejects on ${storePair.name}`)

const killsWanted = 10 * faultRounds
const roundTimeoutMs = 60_000

test(
  `killed ${killsWanted} times, --replay has every reject that is a trade in the log once`,
  async () => {
    const random = seededRandom(testSeed)
    const choose = (count: number) => Math.floor(random() * count)
    const stage = await rejectsStage()
    const prices: string[] = []
    let batches = 0
    const rejectMore = () => {
      prices.push(...rejected(stage, prices.length + 1))
      batches += 1
    }
    const attempt = async (at?: string) => {
      const outcome = await runArmed(['rejects', '--replay'], stage.settings, { at })
      await bury(stage.settings, outcome.pid, 'groups')
      return outcome
    }
    rejectMore()
    const points = [...(await attempt()).passes.keys()].sort()
    for (let kills = 0; kills < killsWanted; ) {
      // Sometimes before what the last kill left is done.
      if (choose(2) === 0) rejectMore()
      const at = `${points[choose(points.length)]}:${1 + choose(4)}`
      if ((await attempt(at)).isKilled) kills += 1
    }
    rejectMore()
    await finishHere(['rejects', '--replay'], stage.settings)
    await assertBroughtBack(stage, prices, batches)
    await stage.close()
  },
  { timeoutMs: killsWanted * roundTimeoutMs },
)

test.run()
