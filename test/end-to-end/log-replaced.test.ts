import * as assert from 'uvu/assert'
import { encodeEvent, eventKey } from '../../src/domain/event.ts'
import type { EventStore } from '../../src/event-store/event-store.ts'
import { readModels } from '../../src/projections/read-models/index.ts'
import { eventually } from '../support/eventually.ts'
import { sendForeign, type TopicUnderTest, withTopic } from '../support/kafka.ts'
import { storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import { type RunningTradelog, runTradelog, type Settings } from '../support/tradelog.ts'
import { complete, logOf, oneRound, type Round, startFlow, stopAll, verified } from './flow.ts'

const test = suite(`another log under read models on ${storePair.name}`)
const partitions = 6
const rows = 300

type LogRecord = Readonly<{ partition: number; key: string; value: string; timestamp: string }>

/** The records of a log, so that they can be sent again byte for byte. */
async function recordsOf(log: EventStore): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = []
  for (const { partition, head } of await log.heads()) {
    const range = { partition, from: 0, to: head, batchEventsMax: rows }
    for await (const { events } of log.read(range)) {
      for (const { event, recordedAt } of events) {
        if (event.type === 'Unreadable') throw new Error(event.reason)
        const [key, value] = [eventKey(event), encodeEvent(event)]
        records.push({ partition, key, value, timestamp: String(recordedAt) })
      }
    }
  }
  return records
}

type Scene = Pick<TopicUnderTest, 'admin' | 'topic'> &
  Readonly<{
    settings: Settings
    start: Round['start']
    /** The process that has built the read models and still runs. */
    project: RunningTradelog
    records: readonly LogRecord[]
    /** Creates another topic of the same name, with these records. */
    replaceBy: (records: readonly LogRecord[]) => Promise<void>
  }>

const withBuiltModels = (work: (scene: Scene) => Promise<void>) =>
  withTopic(({ topic, admin, open }) =>
    oneRound(async ({ seed, start }) => {
      const flow = await startFlow({ rows, rowsPerSecond: 'max', seed })
      const settings = { ...flow.settings, KAFKA__TOPIC: topic }
      const [project, ingest] = [start(['project'], settings), start(['ingest'], settings)]
      const api = start(['api'], settings)
      await complete(await api.address(), flow)
      await stopAll([ingest, api])
      const records = await recordsOf(await open({ partitions }))
      const replaceBy = async (anew: readonly LogRecord[]) => {
        await admin.deleteTopics({ topics: [topic] })
        await eventually(() => open({ partitions }))
        await sendForeign(topic, [...anew])
      }
      await work({ topic, admin, settings, start, project, records, replaceBy })
    }),
  )

/** Each model says why it stops, and its rows don't change. */
async function refusesWith(project: RunningTradelog, codes: RegExp) {
  const stops = (model: string) =>
    logOf(project).some(
      ({ component, msg, err }) =>
        component === model && msg === 'stopped' && codes.test(err?.code ?? ''),
    )
  const all = () => readModels.every(({ name }) => stops(name))
  await eventually(all, { timeoutMs: 90_000 }).catch((cause: unknown) => {
    throw new Error(`no such refusal: ${project.stderr()}`, { cause })
  })
  await stopAll([project])
}

async function mendedByReplay(settings: Settings) {
  assert.is.not((await runTradelog(['verify'], settings)).code, 0)
  const { code, stdout, stderr } = await runTradelog(['replay'], settings)
  assert.is(code, 0, stdout + stderr)
  await verified(settings)
}

/** The same records in each partition, but from the last to the first. */
const others = (records: readonly LogRecord[]) => records.toReversed()

/** Of each partition the first half, at least one record. */
const shorter = (records: readonly LogRecord[]) =>
  Array.from({ length: partitions }, (_, partition) => {
    const all = records.filter((record) => record.partition === partition)
    return all.slice(0, Math.ceil(all.length / 2))
  }).flat()

function define(title: string, work: (scene: Scene) => Promise<void>) {
  if (storePair.eventStore === 'kafka') {
    test(title, () => withBuiltModels(work), { timeoutMs: 240_000 })
  } else {
    test.skip(title, 'there is no Kafka')
  }
}

define(
  'another topic of the same name and length is refused; replay rebuilds',
  async ({ settings, start, project, records, replaceBy }) => {
    await stopAll([project])
    await replaceBy(others(records))
    await refusesWith(start(['project'], settings), /^LOG_REPLACED$/)
    await mendedByReplay(settings)
  },
)

define(
  'a topic with the same beginning that ends earlier is refused; replay rebuilds',
  async ({ settings, start, project, records, replaceBy }) => {
    await stopAll([project])
    await replaceBy(shorter(records))
    await refusesWith(start(['project'], settings), /^CHECKPOINT_BEYOND_HEAD$/)
    await mendedByReplay(settings)
  },
)

define(
  'a topic that is replaced under a running projector stops it',
  async ({ project, records, replaceBy }) => {
    await replaceBy(others(shorter(records)))
    await refusesWith(project, /^(LOG_REPLACED|LOG_TRUNCATED|CHECKPOINT_BEYOND_HEAD)$/)
  },
)

define(
  'a topic that has deleted what a read model needs is refused, also by replay',
  async ({ admin, topic, settings, start, project, records }) => {
    await stopAll([project])
    await sendForeign(topic, [...records])
    const offsets = await admin.fetchTopicOffsets(topic)
    // All but the last record.
    const ends = offsets.map(({ partition, high }) => {
      return { partition, offset: String(Math.max(0, Number(high) - 1)) }
    })
    await admin.deleteTopicRecords({ topic, partitions: ends })
    await refusesWith(start(['project'], settings), /^LOG_TRUNCATED$/)
    const { code, stderr } = await runTradelog(['replay'], settings)
    assert.is(code, 2, stderr)
    assert.match(stderr, 'LOG_TRUNCATED')
  },
)

test.run()
