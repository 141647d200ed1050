import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRetriable, TradelogError } from './domain/errors.ts'
import { openEmbeddedEventStore } from './event-store/embedded/embedded-event-store.ts'
import type { EventStore } from './event-store/event-store.ts'
import type { KafkaEventStoreOptions } from './event-store/kafka/kafka-event-store.ts'
import { openEmbeddedReadModelStore } from './read-model-store/embedded/embedded-read-model-store.ts'
import type { ReadModelStore } from './read-model-store/read-model-store.ts'
import { backoffMs } from './runtime/backoff.ts'
import type { Config } from './runtime/config/config.ts'
import { inDataDirectory } from './runtime/files/data-directory.ts'
import { pathFault } from './runtime/files/path-fault.ts'
import type { Lifetime } from './runtime/lifetime.ts'
import type { Logger } from './runtime/logger.ts'

type Composition = Readonly<{
  config: Config
  life: Lifetime
  logger: Logger
  signal: AbortSignal
}>

/** Identifies this process among several that report. */
export const processName = `${hostname()}:${process.pid}`

/**
 * Opens the event store that the settings name; only this function knows which stores exist. The
 * client of a server is loaded only if needed, as that takes as long as the rest of the start.
 */
export async function openEventStore({ config, life, logger }: Composition): Promise<EventStore> {
  if (config.eventStore === 'kafka') {
    const { openKafkaEventStore } = await import('./event-store/kafka/kafka-event-store.ts')
    return life.own(await openKafkaEventStore(kafkaOptions(config, logger)))
  }
  const directory = join(config.dataDirectory, 'log')
  const open = () => openEmbeddedEventStore({ directory, partitions: config.partitions })
  return life.own(await inDataDirectory(config.dataDirectory, 'log', open))
}

/** Opens the read-model store that the settings name; only this function knows which exist. */
export async function openReadModelStore({
  config,
  life,
  logger,
}: Composition): Promise<ReadModelStore> {
  if (config.readModelStore === 'mongodb') {
    const { openMongodbReadModelStore } = await import(
      './read-model-store/mongodb/mongodb-read-model-store.ts'
    )
    return life.own(
      await openMongodbReadModelStore({
        ...config.mongodb,
        operationTimeoutMs: config.timeouts.backgroundOperationMs,
        logger,
      }),
    )
  }
  const directory = join(config.dataDirectory, 'read-models')
  const open = () => openEmbeddedReadModelStore({ directory })
  return life.own(await inDataDirectory(config.dataDirectory, 'read-models/catalogue', open))
}

/** For long-running roles: retries until the store is reachable, or the process is stopped. */
export async function whenReachable<T>(
  open: (composition: Composition) => Promise<T>,
  composition: Composition,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await open(composition)
    } catch (error) {
      if (!isRetriable(error) || composition.signal.aborted) throw error
      const delayMs = backoffMs(failures)
      const why = error instanceof Error ? error.message : String(error)
      composition.logger.warn({ err: error, delayMs }, `waiting for a store: ${why}`)
      await sleep(delayMs, undefined, { signal: composition.signal })
    }
  }
}

function kafkaOptions({ kafka, partitions }: Config, logger: Logger): KafkaEventStoreOptions {
  const { brokerUrl, ssl, sslCaFile, sasl, ...rest } = kafka
  const ca = sslCaFile === '' ? true : { ca: [certificateAuthority(sslCaFile)] }
  const { mechanism, username, password } = sasl
  return {
    ...rest,
    brokers: brokerUrl,
    partitions,
    logger,
    ...(ssl ? { ssl: ca } : {}),
    ...(mechanism === '' ? {} : { sasl: { mechanism, username, password } as KafkaSasl }),
  }
}

type KafkaSasl = NonNullable<KafkaEventStoreOptions['sasl']>

function certificateAuthority(path: string): string {
  const wrong = (fault: string, cause: unknown) =>
    new TradelogError('CONFIG_INVALID', `"kafka.ssl_ca_file": ${fault}`, { cause })
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw wrong(pathFault(path, 'read', cause) ?? String(cause), cause)
  }
  try {
    // Node ignores what isn't a certificate, and then trusts no broker.
    new X509Certificate(text)
    return text
  } catch (cause) {
    throw wrong(`${path} is no certificate (PEM): name the file of the authority`, cause)
  }
}
