import { invalid } from './invalid.ts'
import { environmentLayer, fileLayer } from './layers.ts'
import { type Mapping, merge } from './mapping.ts'
import { adoptPredecessor, choicesImpliedBy } from './predecessor.ts'
import { check } from './schema.ts'
import { normalised, typed } from './values.ts'

/** The settings of `config/default.yaml` in camel case; `…Ms` are milliseconds, '' means not set. */
export type Config = Readonly<{
  apiPort: number
  apiHost: string
  operationsPort: number
  corsOrigin: string
  eventStore: 'embedded' | 'kafka'
  readModelStore: 'embedded' | 'mongodb'
  dataDirectory: string
  partitions: number
  feed: 'simulated' | 'finnhub' | 'file' | 'none'
  subscribedSymbols: readonly string[]
  feedPort: number
  finnhub: Readonly<{ url: string; token: string }>
  simulated: Readonly<{ tradesPerSecond: number; seed: number }>
  file: Readonly<{ path: string; speed: number | 'max'; symbols: readonly string[] }>
  kafka: Readonly<{
    brokerUrl: readonly string[]
    topic: string
    replicationFactor: number
    clientId: string
    ssl: boolean
    sslCaFile: string
    sasl: Readonly<{
      mechanism: '' | 'plain' | 'scram-sha-256' | 'scram-sha-512'
      username: string
      password: string
    }>
    connectionTimeoutMs: number
    requestTimeoutMs: number
  }>
  mongodb: Readonly<{ url: string; databaseName: string }>
  limits: Readonly<{
    clientRequestsPerSecond: number | 'off'
    clientRequestsBurst: number
    requestsInFlightMax: number
    streamsMax: number
    connectionsMax: number
    trustedProxies: readonly string[]
  }>
  ingest: Readonly<{ bufferEventsMax: number; appendEventsMax: number }>
  projection: Readonly<{ batchEventsMax: number; replayThreads: number | 'auto' }>
  verify: Readonly<{ everyMs: number | 'off' }>
  timeouts: Readonly<{ apiRequestMs: number; backgroundOperationMs: number; shutdownMs: number }>
  log: Readonly<{
    level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
    pretty: boolean | 'auto'
  }>
}>

export type LoadedConfig = Readonly<{
  config: Config
  /** One line each, for the person who starts the program. */
  warnings: readonly string[]
}>

const defaultsUrl = new URL('../../../../config/default.yaml', import.meta.url)

/**
 * The defaults, then the file, then the environment. Throws CONFIG_INVALID with one line that names
 * the path of the setting and what is allowed, and never shows a value.
 */
export function loadConfig(options: {
  file?: string
  environment: Readonly<Record<string, string | undefined>>
}): LoadedConfig {
  const fromFile = adoptPredecessor(options.file === undefined ? {} : fileLayer(options.file))
  const given = merge(fromFile.settings, environmentLayer(options.environment))
  const chosen = merge(choicesImpliedBy(given), given)
  return { config: configOf(merge(fileLayer(defaultsUrl), chosen)), warnings: fromFile.warnings }
}

function configOf(settings: Mapping): Config {
  const values = normalised(settings)
  check(values)
  // The schema has just checked every key and value; a test compares its names with this type.
  const config = typed(values) as Config
  for (const [isWrong, message] of contradictions(config)) if (isWrong) throw invalid(message)
  return config
}

function contradictions(config: Config): readonly (readonly [boolean, string])[] {
  const { sasl, brokerUrl, ssl, sslCaFile } = config.kafka
  return [
    [
      config.eventStore === 'kafka' && brokerUrl.length === 0,
      'kafka.broker_url must be set, as event_store is kafka',
    ],
    [
      config.readModelStore === 'mongodb' && config.mongodb.url === '',
      'mongodb.url must be set, as read_model_store is mongodb',
    ],
    [
      config.feed === 'finnhub' && config.finnhub.token === '',
      'finnhub.token must be set, as feed is finnhub',
    ],
    [config.feed === 'file' && config.file.path === '', 'file.path must be set, as feed is file'],
    [
      sasl.mechanism !== '' && (sasl.username === '' || sasl.password === ''),
      'kafka.sasl.username and kafka.sasl.password must be set, as kafka.sasl.mechanism is',
    ],
    [
      sasl.mechanism === '' && sasl.username + sasl.password !== '',
      'kafka.sasl.mechanism must be set, as kafka.sasl.username or password is',
    ],
    [!ssl && sslCaFile !== '', 'kafka.ssl must be true, as kafka.ssl_ca_file is set'],
    [
      config.ingest.appendEventsMax > config.ingest.bufferEventsMax,
      'ingest.append_events_max must be at most ingest.buffer_events_max',
    ],
  ]
}

/** The same settings with nothing in them that has to stay secret, for the log and the screen. */
export const redactedConfig = (config: Config): Config => ({
  ...config,
  finnhub: { url: withoutSecrets(config.finnhub.url), token: hidden(config.finnhub.token) },
  kafka: {
    ...config.kafka,
    sasl: { ...config.kafka.sasl, password: hidden(config.kafka.sasl.password) },
  },
  mongodb: { ...config.mongodb, url: withoutSecrets(config.mongodb.url) },
})

const hidden = (secret: string): string => (secret === '' ? '' : '***')

/** The options of an address go as well: they may hold session tokens and passphrases. */
const withoutSecrets = (url: string): string =>
  url.replace(/:\/\/.*@/s, '://***@').replace(/\?.*$/s, '?***')
