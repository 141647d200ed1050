import { randomUUID } from 'node:crypto'
import { kafkaBrokers, removeTopics, topicOf } from '../kafka.ts'
import { mongodbServer, mongodbUrl, withDatabase, withMongodb } from '../mongodb.ts'
import { type PartOptions, type PartOrReason, type Subject, startWatch } from '../part.ts'
import { modelNames, projectLive } from '../projecting.ts'
import { startBaseline } from './consumer.ts'
import { killBaseline, kills, killTradelog } from './kills.ts'

const baseline = 'kafkajs eachMessage, insertMany and $inc, automatic commits'

function reasonAgainst(): string | undefined {
  if (kafkaBrokers.length === 0) return 'KAFKA_BROKERS is not set'
  return mongodbUrl === '' ? 'MONGODB_URL is not set' : undefined
}

/** What a team would write today for the same job: see README.md here. */
export function baselinePart({ baselineEvents: events }: PartOptions): PartOrReason {
  const reason = reasonAgainst()
  if (reason !== undefined) return { name: 'baseline', reason }
  const beside = [{ floor: baseline }]
  return {
    name: 'baseline',
    title: 'Baseline: the program of a team without tradelog, one topic in Kafka, one MongoDB',
    unit: 'events',
    server: mongodbServer,
    needs: [{ name: 'topic', events }],
    lines: [
      { label: baseline, subject: 'baseline', events },
      {
        label: 'tradelog, project trades',
        subject: 'live',
        events,
        models: ['trades'],
        beside: [{ floor: baseline, aim: 30 }],
      },
      { label: 'tradelog, project all four', subject: 'live', events, models: modelNames, beside },
    ],
    subjects: {
      baseline: runBaseline,
      live: (given) => withMongodb(given, projectLive),
    },
    cleanUp: removeTopics,
  }
}

/** Every figure beside the rate has to be zero, except the number of candles. */
export function killsPart({ killEvents: events }: PartOptions): PartOrReason {
  const reason = reasonAgainst()
  if (reason !== undefined) return { name: 'kills', reason }
  return {
    name: 'kills',
    title: `Kills: ${kills} SIGKILLs at seeded moments, then what is in MongoDB against the log`,
    unit: 'events',
    server: mongodbServer,
    needs: [{ name: 'topic', events }],
    lines: [
      { label: baseline, subject: 'baseline', events },
      { label: 'tradelog project', subject: 'tradelog', events },
    ],
    repetitions: 1,
    subjects: { baseline: killBaseline, tradelog: killTradelog },
    cleanUp: removeTopics,
  }
}

/** From the first message to the last: joining the group takes seconds in every program. */
const runBaseline: Subject = (given) =>
  withDatabase(async (databaseName) => {
    let seen = 0
    let stop: ReturnType<typeof startWatch> | undefined
    let finish = () => {}
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    const running = await startBaseline({
      brokers: kafkaBrokers,
      topic: topicOf(given),
      groupId: `${topicOf(given)}.${randomUUID()}`,
      mongodbUrl,
      databaseName,
      onMessage: () => {
        stop ??= startWatch()
        if (++seen === given.events) finish()
      },
    })
    await finished
    const measured = stop?.() ?? { seconds: 0, cpuSeconds: 0 }
    await running.stop()
    return { count: seen, ...measured }
  })
