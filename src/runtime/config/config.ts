import { invalid } from './invalid.ts'
import { environmentLayer, fileLayer } from './layers.ts'
import { isMapping, type Mapping, merge, valueAt } from './mapping.ts'
import { adoptPredecessor, choicesImpliedBy } from './predecessor.ts'
import { check } from './schema.ts'
import { refuseSlips } from './slips.ts'
import { normalised, typed } from './values.ts'

/** The settings of `config/default.yaml` in camel case. `…Ms` are milliseconds, '' is not set. */
export type Config = Readonly<{
  apiPort: number
  apiHost: string
  operationsPort: number
  corsOrigin: string
  eventStore: 'embedded' | 'kafka'
  readModelStore: 'embedded' | 'mongodb'
  dataDirectory: string
  partitions: number
  /** `simulated`, `file` or `none` alone, or live feeds, each with a section of its name. */
  feed: readonly string[]
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

/** A live feed's section: its address, its token if it has one, and what else it needs. */
export type FeedSection = Readonly<{ url: string; token?: string; [setting: string]: unknown }>

type LoadedConfig = Readonly<{
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
  refuseSlips(settings)
  const values = normalised(settings)
  check(values)
  // The schema has just checked every key and value; a test compares its names with this type.
  const config = Object.freeze({ ...typed(values), feed: listOf(values.feed) }) as Config
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
      config.feed.length > 1 && config.feed.some((name) => noLiveFeeds.includes(name)),
      'feed may name several live feeds, but simulated, file and none stand alone',
    ],
    ...config.feed.map(
      (name) =>
        [
          valueAt(config, [name, 'token']) === '',
          `${name}.token must be set, as feed is ${name}`,
        ] as const,
    ),
    [
      config.feed.includes('file') && config.file.path === '',
      'file.path must be set, as feed is file',
    ],
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

const noLiveFeeds: readonly string[] = ['simulated', 'file', 'none']

const listOf = (value: unknown): readonly unknown[] => Object.freeze([value].flat())

/** What the settings say of a live feed, in the section of its name. */
export const feedSection = (config: Config, name: string): FeedSection =>
  valueAt(config, [name]) as FeedSection

/** The same settings with nothing in them that has to stay secret, for the log and the screen. */
export const redactedConfig = (config: Config): Config => redacted(config) as Config

const redacted = (settings: Mapping): Mapping =>
  Object.fromEntries(
    Object.entries(settings).map(([name, value]) => {
      if (isMapping(value)) return [name, redacted(value)]
      if (typeof value !== 'string') return [name, value]
      if (name === 'url') return [name, withoutSecrets(value)]
      return [name, name === 'token' || name === 'password' ? hidden(value) : value]
    }),
  )

const hidden = (secret: string): string => (secret === '' ? '' : '***')

/** The options of an address go as well: they may hold session tokens and passphrases. */
const withoutSecrets = (url: string): string =>
  url.replace(/:\/\/.*@/s, '://***@').replace(/\?.*$/s, '?***')
