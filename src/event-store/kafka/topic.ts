import kafkajs, { type Admin, type Kafka } from 'kafkajs'
import { marksOf, refused, storeError } from './errors.ts'

const { ConfigResourceTypes } = kafkajs

export type TopicOptions = Readonly<{
  topic: string
  partitions: number
  replicationFactor: number
}>

type CheckedTopic = Readonly<{
  clusterId: string
  /** The broker's limit of one batch of records, in bytes. */
  batchBytesMax: number
}>

/** Creates the topic if it is absent; refuses one that deletes records or differs otherwise. */
export async function ensureTopic(kafka: Kafka, options: TopicOptions): Promise<CheckedTopic> {
  const admin = kafka.admin()
  try {
    await admin.connect()
    await createWhenAbsent(admin, options)
    await checkReplicas(admin, options)
    const settings = await readSettings(admin, options.topic)
    checkSettings(settings, options)
    const { clusterId } = await admin.describeCluster()
    return { clusterId, batchBytesMax: Number(settings.get('max.message.bytes') ?? 1_048_588) }
  } catch (error) {
    throw storeError(error)
  } finally {
    await admin.disconnect()
  }
}

const keepsEverything = [
  ['cleanup.policy', 'delete'],
  ['retention.ms', '-1'],
  ['retention.bytes', '-1'],
] as const

/** With three copies and one broker away, two copies still confirm each event. */
const inSyncReplicas = (replicationFactor: number): number => (replicationFactor >= 3 ? 2 : 1)

async function createWhenAbsent(
  admin: Admin,
  { topic, partitions, replicationFactor }: TopicOptions,
): Promise<void> {
  if ((await admin.listTopics()).includes(topic)) return
  const configEntries = [
    ...keepsEverything.map(([name, value]) => ({ name, value })),
    { name: 'min.insync.replicas', value: String(inSyncReplicas(replicationFactor)) },
  ]
  const definition = { topic, numPartitions: partitions, replicationFactor, configEntries }
  try {
    await admin.createTopics({ topics: [definition], waitForLeaders: true })
  } catch (error) {
    throw creationError(topic, error)
  }
}

/** kafkajs puts the broker's error for each topic into a list. */
function creationError(topic: string, error: unknown): unknown {
  const { errors: [first] = [] } = error as { errors?: readonly unknown[] }
  if (first === undefined) return error
  const text = first instanceof Error ? first.message : String(first)
  if (marksOf(first).includes('INVALID_REPLICATION_FACTOR')) {
    return refused(`topic ${topic} can't be created: ${text}; lower kafka.replication_factor`)
  }
  return first
}

async function checkReplicas(admin: Admin, options: TopicOptions): Promise<void> {
  const { topic, partitions, replicationFactor } = options
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  const found = topics.flatMap((each) => each.partitions)
  if (found.length !== partitions) {
    throw refused(
      `topic ${topic} has ${found.length} partitions, the settings say ${partitions}; the number` +
        ` decides where each symbol lies: set partitions to ${found.length}, or kafka.topic to another`,
      { found: found.length, wanted: partitions },
    )
  }
  const copies = Math.min(...found.map(({ replicas }) => replicas.length))
  if (copies >= replicationFactor) return
  throw refused(
    `topic ${topic} keeps ${copies} copies, the settings say ${replicationFactor}; reassign its` +
      ` partitions to more brokers (kafka-reassign-partitions) or lower kafka.replication_factor`,
    { found: copies, wanted: replicationFactor },
  )
}

type Settings = ReadonlyMap<string, string>

async function readSettings(admin: Admin, topic: string): Promise<Settings> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
  })
  const entries = resources.flatMap((resource) => resource.configEntries)
  return new Map(entries.map(({ configName, configValue }) => [configName, configValue]))
}

function checkSettings(settings: Settings, { topic, replicationFactor }: TopicOptions): void {
  for (const [name, wanted] of keepsEverything) {
    const found = settings.get(name)
    if (found === wanted) continue
    throw refused(
      `topic ${topic} deletes records: ${name} is ${found}; run ${alter(topic, name, wanted)},` +
        ' or set kafka.topic to another topic',
      { setting: name, found, wanted },
    )
  }
  checkInSyncReplicas(Number(settings.get('min.insync.replicas') ?? 1), topic, replicationFactor)
}

function checkInSyncReplicas(found: number, topic: string, replicationFactor: number): void {
  const wanted = inSyncReplicas(replicationFactor)
  if (found >= wanted && found <= replicationFactor) return
  const consequence =
    found < wanted ? 'one lost broker may lose confirmed events' : 'no event can ever be confirmed'
  throw refused(
    `topic ${topic} has min.insync.replicas=${found} of ${replicationFactor} copies:` +
      ` ${consequence}; run ${alter(topic, 'min.insync.replicas', String(wanted))}`,
    { found, wanted },
  )
}

const alter = (topic: string, name: string, value: string): string =>
  `kafka-configs --alter --entity-type topics --entity-name ${topic} --add-config ${name}=${value}`
