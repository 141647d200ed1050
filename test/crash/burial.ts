import kafkajs, { type Broker } from 'kafkajs'
import { MongoClient } from 'mongodb'
import { consumerWithCluster } from '../../src/event-store/kafka/kafkajs-patches.ts'
import type { Settings } from '../support/tradelog.ts'

/**
 * Ends the leases and group memberships of a killed process, as time would. Without this, the next
 * process would wait up to ten seconds after each kill.
 */
export async function bury(settings: Settings, pid: number, groups: 'groups' | 'leases only') {
  if (settings.READ_MODEL_STORE === 'mongodb') await endLeases(settings, pid)
  if (settings.EVENT_STORE === 'kafka' && groups === 'groups') await endMemberships(settings)
}

type LeaseDocument = { holder: { pid: number } | null }

async function endLeases(settings: Settings, pid: number): Promise<void> {
  await withDatabase(settings, async (db) => {
    await db
      .collection<LeaseDocument>('tradelog_leases')
      .updateMany({ 'holder.pid': pid }, { $set: { holder: null } })
  })
}

export async function dropStores(settings: Settings): Promise<void> {
  if (settings.READ_MODEL_STORE === 'mongodb') {
    await withDatabase(settings, async (db) => void (await db.dropDatabase()))
  }
  if (settings.EVENT_STORE === 'kafka') {
    const admin = clientOf(settings).admin()
    await admin.connect()
    await admin.deleteTopics({ topics: [settings.KAFKA__TOPIC ?? ''] })
    await admin.disconnect()
  }
}

type Database = ReturnType<MongoClient['db']>

async function withDatabase(settings: Settings, work: (db: Database) => Promise<void>) {
  const client = await MongoClient.connect(settings.MONGODB__URL ?? '')
  try {
    await work(client.db(settings.MONGODB__DATABASE_NAME))
  } finally {
    await client.close()
  }
}

const clientOf = (settings: Settings) =>
  new kafkajs.Kafka({
    brokers: (settings.KAFKA__BROKER_URL ?? '').split(','),
    logLevel: kafkajs.logLevel.NOTHING,
  })

/** In kafkajs, but not in its types. */
type LeavableBroker = Broker &
  Readonly<{ leaveGroup: (member: { groupId: string; memberId: string }) => Promise<unknown> }>

/** Leaves for every member of the topic's groups: all of them are dead. */
async function endMemberships(settings: Settings): Promise<void> {
  const kafka = clientOf(settings)
  const admin = kafka.admin()
  const { consumer, cluster } = consumerWithCluster(kafka, kafkajs.PartitionAssigners.roundRobin, {
    groupId: 'burial',
  })
  try {
    await Promise.all([admin.connect(), cluster.connect()])
    const { groups } = await admin.listGroups()
    const ours = groups
      .map(({ groupId }) => groupId)
      .filter((groupId) => groupId.startsWith(`${settings.KAFKA__TOPIC}.`))
    if (ours.length === 0) return
    for (const { groupId, members } of (await admin.describeGroups(ours)).groups) {
      const broker = (await cluster.findGroupCoordinator({ groupId })) as LeavableBroker
      for (const { memberId } of members) await broker.leaveGroup({ groupId, memberId })
    }
  } finally {
    await admin.disconnect()
    await consumer.disconnect()
    await cluster.disconnect()
  }
}
