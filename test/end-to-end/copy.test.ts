import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { openEmbeddedEventStore } from '../../src/event-store/embedded/embedded-event-store.ts'
import { eventually } from '../support/eventually.ts'
import { someTrades } from '../support/some-trades.ts'
import { freshStores, storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runTradelog, type Settings } from '../support/tradelog.ts'
import {
  eachRound,
  halfTheRounds,
  oneRound,
  type Round,
  roundsTimeoutMs,
  verified,
} from './flow.ts'

const test = suite(`copies of a log, by way of ${storePair.eventStore}`)
const trades = 20_000
/** A copy takes less time, so some kills come too late. */
const killWithinMs = storePair.eventStore === 'kafka' ? 6_000 : 2_000

function settingsFile(name: string, text: string): string {
  const path = join(temporaryDirectory(), name)
  writeFileSync(path, text)
  return path
}

/** Another log than that of the settings, with another partition count, in the store under test. */
function elsewhere(): string {
  if (storePair.eventStore !== 'kafka') return directory(4)
  const topic = `trades-${randomBytes(4).toString('hex')}`
  const kafka = `kafka: {broker_url: "${process.env.KAFKA_BROKERS}", topic: ${topic}}`
  return settingsFile('topic.yaml', `event_store: kafka\npartitions: 4\n${kafka}\n`)
}

const directory = (partitions: number): string =>
  settingsFile(
    'directory.yaml',
    `partitions: ${partitions}\ndata_directory: ${temporaryDirectory()}\n`,
  )

async function source(seed: number): Promise<Settings> {
  const DATA_DIRECTORY = temporaryDirectory()
  const log = { directory: join(DATA_DIRECTORY, 'log'), partitions: 6 }
  const store = await openEmbeddedEventStore(log)
  const all = someTrades(trades, seed)
  for (let at = 0; at < trades; at += 1_000) await store.append(all.slice(at, at + 1_000))
  await store.close()
  return { DATA_DIRECTORY }
}

type Copied = Readonly<{ copied: number; records: number; digest: string }>

/** Kills the copy twice on the way, then runs it to its end. */
async function copied(
  { random, start }: Round,
  args: readonly string[],
  settings: Settings = {},
): Promise<Copied> {
  for (let kills = 0; kills < 2; kills++) {
    const running = start(['copy', ...args], settings)
    await sleep(random() * killWithinMs)
    await running.kill('SIGKILL')
  }
  const { code, stdout, stderr } = await runTradelog(['copy', '--json', ...args], settings)
  assert.is(code, 0, `copy ${args.join(' ')}: ${stdout}${stderr}`)
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
}

test(
  `killed at random moments, every copy ends equal to the first log: ${halfTheRounds} rounds`,
  () =>
    eachRound(async (round) => {
      const settings = await source(round.seed)
      const [there, file] = [elsewhere(), join(temporaryDirectory(), 'log.ndjson')]
      const DATA_DIRECTORY = temporaryDirectory()
      const back = settingsFile('back.yaml', `data_directory: ${DATA_DIRECTORY}\n`)

      const copies = [
        await copied(round, ['--to', there], settings),
        await copied(round, ['--from', there, '--to', file]),
        await copied(round, ['--from', file, '--to', back]),
      ]
      const [first] = copies
      for (const { records, digest } of copies) {
        assert.equal([records, digest], [trades, first?.digest])
      }
      const again = await runTradelog(['copy', '--from', there, '--to', back, '--json'], {})
      assert.equal(JSON.parse(again.stdout.trim().split('\n').at(-1) ?? '').copied, 0, again.stderr)
      const rows = { ...freshStores(), EVENT_STORE: 'embedded', DATA_DIRECTORY }
      const { code, stderr } = await runTradelog(['replay'], { ...rows, FEED: 'none' })
      assert.is(code, 0, stderr)
      await verified(rows)
    }, halfTheRounds),
  { timeoutMs: roundsTimeoutMs(300_000) },
)

test(
  'a log that holds something else is refused, and a file goes to the standard output',
  async () => {
    const [one, other] = [await source(1), await source(2)]
    const to = elsewhere()
    assert.is((await runTradelog(['copy', '--to', to], one)).code, 0)
    const { code, stderr } = await runTradelog(['copy', '--to', to], other)
    assert.is(code, 2, stderr)
    assert.match(stderr, 'COPY_TARGET_DIFFERS')
    const same = await runTradelog(['copy', '--from', to, '--to', to], one)
    assert.is(same.code, 2)
    assert.match(same.stderr, 'COPY_REFUSED: source and target are the same log')
    const { stdout } = await runTradelog(['copy', '--to', '-'], one)
    assert.is(stdout.trim().split('\n').length, 1 + trades)
  },
  { timeoutMs: 120_000 },
)

test(
  'a copy that waits for the writer of its target can be stopped, and exits with 1',
  () =>
    oneRound(async ({ start }) => {
      const [settings, busy] = [await source(1), await source(2)]
      const to = settingsFile('busy.yaml', `data_directory: ${busy.DATA_DIRECTORY}\n`)
      const log = { directory: join(busy.DATA_DIRECTORY ?? '', 'log'), partitions: 6 }
      const store = await openEmbeddedEventStore(log)
      const states: boolean[] = []
      const ingest = store.elect('ingest').subscribe((isElected) => states.push(isElected))
      await eventually(() => states.at(-1))
      const heads = await store.heads()

      const waiting = start(['copy', '--to', to], settings)
      await eventually(() => waiting.stderr().includes("the writer's role"))
      await waiting.kill('SIGTERM')

      assert.is(await waiting.exit(), 1)
      assert.equal(await store.heads(), heads)
      ingest.unsubscribe()
      await store.close()
    }),
  { timeoutMs: 60_000 },
)

test.run()
