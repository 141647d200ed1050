import { partitionOf } from '../../../src/domain/partition.ts'
import { openKafkaEventStore } from '../../../src/event-store/kafka/kafka-event-store.ts'
import { eventStoreContract } from '../../contracts/event-store.ts'
import {
  deleteTopic,
  kafkaBrokers,
  kafkaSuite,
  sendForeign,
  storeOptions,
  temporaryTopic,
} from '../../support/kafka.ts'

async function createLog() {
  const topic = temporaryTopic()
  const options = storeOptions(topic)
  const { partitions } = options
  return {
    partitions,
    open: () => openKafkaEventStore(options),
    appendForeign: (symbol: string, value: unknown) => {
      const partition = partitionOf(symbol, partitions)
      return sendForeign(topic, [{ key: symbol, value: JSON.stringify(value), partition }])
    },
    remove: () => deleteTopic(topic),
  }
}

if (kafkaBrokers.length > 0) {
  eventStoreContract('Kafka event store', createLog, { timeoutMs: 60_000 })
} else {
  const test = kafkaSuite('Kafka event store')
  test('does what every event store does', () => {})
  test.run()
}
