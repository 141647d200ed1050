import { consume, consumeRaw, kafkaBrokers, removeTopics, withKafkaLog } from '../kafka.ts'
import type { Line, PartOptions, PartOrReason } from '../part.ts'
import { modelNames, replayModels } from '../projecting.ts'
import { heldIn, heldText } from './held.ts'
import { isStreamsBuilt, runStreams } from './kafka-streams.ts'
import { runPlain } from './kafkajs-lmdb.ts'

const commitMs = [100, 1_000] as const
const streams = (ms: number) => `Kafka Streams, exactly once, commit every ${ms} ms`

/** Other programs for the same job, on the same topic: see README.md here. */
export function peersPart({ peerEvents: events }: PartOptions): PartOrReason {
  if (kafkaBrokers.length === 0) return { name: 'peers', reason: 'KAFKA_BROKERS is not set' }
  const withStreams = isStreamsBuilt()
  const line = (label: string, subject: string, beside: Line['beside'] = []): Line => ({
    label,
    subject,
    events,
    models: modelNames,
    beside,
  })
  const streamsLines = commitMs.map((ms) => line(streams(ms), `streams${ms}`, [{ floor: consume }]))
  const streamsFloors = commitMs.map((ms) => ({ floor: streams(ms), aim: 1.4 }))
  return {
    name: 'peers',
    title: 'Peers: trades, symbols, candles and vwap of one topic in Kafka, from nothing',
    unit: 'events',
    needs: [{ name: 'topic', events }],
    lines: [
      line(consume, 'consume'),
      line('kafkajs and lmdb, nothing checked, no restart', 'plain', [{ floor: consume }]),
      ...(withStreams ? streamsLines : []),
      line('tradelog replay, embedded read models', 'replay', [
        { floor: consume, aim: 0.55 },
        ...(withStreams ? streamsFloors : []),
      ]),
    ],
    ...(withStreams ? {} : { missing: 'Kafka Streams: not built, see bench/peers/README.md' }),
    subjects: {
      consume: consumeRaw,
      plain: runPlain,
      streams100: runStreams(100),
      streams1000: runStreams(1_000),
      replay: (given) =>
        withKafkaLog(given, async (stores) => {
          const measured = await replayModels(stores)
          return { ...measured, held: heldText(await heldIn(stores.readModelStore)) }
        }),
    },
    cleanUp: removeTopics,
  }
}
