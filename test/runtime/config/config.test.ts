import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { hasCode } from '../../../src/domain/errors.ts'
import { loadConfig, redactedConfig } from '../../../src/runtime/config/config.ts'
import { rootSchema, settingPaths } from '../../../src/runtime/config/schema.ts'
import { suite } from '../../support/suite.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const test = suite('config')

const directory = temporaryDirectory()
function fileWith(content: string | Buffer): string {
  const file = join(directory, 'settings.yaml')
  writeFileSync(file, content)
  return file
}
const load = (content = '', environment: Record<string, string | undefined> = {}) =>
  loadConfig({ file: fileWith(content), environment })
function messageOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    assert.ok(hasCode(error, 'CONFIG_INVALID'), String(error))
    return error.message
  }
  return 'nothing was thrown'
}

test('the defaults give every setting', () => {
  const { config, warnings } = loadConfig({ environment: {} })
  assert.equal(warnings, [])
  assert.is(config.apiPort, 8000)
  assert.is(config.eventStore, 'embedded')
  assert.is(config.readModelStore, 'embedded')
  assert.equal(config.feed, ['simulated'])
  assert.equal(config.subscribedSymbols, ['AAPL', 'GOOGL', 'TSLA', 'MSFT', 'NVDA', 'AMD'])
  assert.equal(config.timeouts, {
    apiRequestMs: 5_000,
    backgroundOperationMs: 15_000,
    shutdownMs: 5_000,
  })
  assert.equal(config.verify, { everyMs: 'off' })
  assert.equal(config.log, { level: 'info', pretty: 'auto' })
})

test('the defaults file has each setting of the schema, and a sentence on each', () => {
  const text = readFileSync(new URL('../../../../config/default.yaml', import.meta.url), 'utf8')
  const defaults: unknown = parse(text)
  assert.equal(pathsOf(defaults), settingPaths().map(String).sort())
  const lines = text.split('\n')
  const unexplained = lines.filter(
    (line, i) => /^ *\w+: \S/.test(line) && !/^ *# .*\.$/.test(lines[i - 1] ?? ''),
  )
  assert.equal(unexplained, [])
})

const pathsOf = (value: unknown, path: string[] = []): string[] =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value)
        .flatMap(([name, inner]) => pathsOf(inner, [...path, name]))
        .sort()
    : [path.join(',')]

test('the code reads every setting', () => {
  const source = fileURLToPath(new URL('../../../../src', import.meta.url))
  const code = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.startsWith(join('runtime', 'config')))
    .map((path) => readFileSync(join(source, path), 'utf8'))
    .join('\n')
  const names = namesOf(loadConfig({ environment: {} }).config)
  const unread = names.filter((name) => !new RegExp(`\\b${name}\\b`).test(code))
  assert.equal(unread, [])
})

const namesOf = (value: object): readonly string[] =>
  Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? namesOf(inner) : [name],
  )

test('nothing in it can be changed', () => {
  const { config } = loadConfig({ environment: {} })
  const frozen = (value: unknown): boolean =>
    typeof value !== 'object' ||
    (Object.isFrozen(value) && Object.values(value ?? {}).every(frozen))
  assert.ok(frozen(config))
})

test('a file wins over the defaults, the environment over the file', () => {
  const { config } = load('api_port: 1\nfeed_port: 2\nlog: { level: debug }', {
    TRADELOG_FEED_PORT: '3',
    TRADELOG_LOG__PRETTY: 'true',
    PATH: '/bin',
  })
  assert.equal([config.apiPort, config.feedPort], [1, 3])
  assert.equal(config.log, { level: 'debug', pretty: true })
})

test('an empty file, an empty section and an empty variable change nothing', () => {
  const { config } = loadConfig({ environment: {} })
  assert.equal(load('').config, config)
  assert.equal(load('# nothing\n').config, config)
  assert.equal(load('kafka:\nmongodb:\n  url:\n').config, config)
  assert.equal(load('', { TRADELOG_API_PORT: '', TRADELOG_FEED: undefined }).config, config)
})

test('numbers, booleans, durations and lists may be text', () => {
  const { config } = load('api_port: "8001"\nverify: { every: 10m }', {
    TRADELOG_FILE__SPEED: '100',
    TRADELOG_KAFKA__SSL: 'true',
    TRADELOG_KAFKA__BROKER_URL: 'one:9092, [::1]:9093',
    TRADELOG_SUBSCRIBED_SYMBOLS: 'BINANCE:BTCUSDT,IC MARKETS:1,__proto__',
    TRADELOG_TIMEOUTS__API_REQUEST: '250',
    TRADELOG_TIMEOUTS__SHUTDOWN: '500ms',
  })
  assert.is(config.apiPort, 8001)
  assert.is(config.file.speed, 100)
  assert.is(config.kafka.ssl, true)
  assert.equal(config.kafka.brokerUrl, ['one:9092', '[::1]:9093'])
  assert.equal(config.subscribedSymbols, ['BINANCE:BTCUSDT', 'IC MARKETS:1', '__proto__'])
  assert.equal([config.timeouts.apiRequestMs, config.timeouts.shutdownMs], [250, 500])
  assert.is(config.verify.everyMs, 600_000)
})

test('variables of the tests are no settings', () => {
  const { config } = load('', {
    TRADELOG_SEED: '1',
    TRADELOG_TEST_DATA: '/somewhere',
    TRADELOG_CRASH_ROUNDS: '20',
    TRADELOG_FAULT_ROUNDS: '20',
  })
  assert.equal(config, loadConfig({ environment: {} }).config)
})

const port = 'a whole number from 0 to 65535'
const duration = 'a duration from 1ms to 24h, such as 500ms, 5s or 2m, or a number of milliseconds'
const text = 'text (in quotes if it looks like a number)'
const symbol =
  'text of 1 to 128 bytes without control characters (in quotes if it looks like a number or a boolean)'

/** The names that `feed` takes, as its message lists them: `simulated, finnhub, file or none`. */
const feeds = (rootSchema.$defs?.feed_name?.enum ?? []).join(', ').replace(/, (\w+)$/, ' or $1')

const wrongFiles: readonly (readonly [content: string, message: string])[] = [
  ['api_port: 8000x', `api_port must be ${port}`],
  ['api_port: "8000x"', `api_port must be ${port}`],
  ['api_port: " 8000"', 'api_port has a blank or line break at its beginning: write it without'],
  ['api_port: "1e3"', `api_port must be ${port}`],
  ['api_port: "0x10"', `api_port must be ${port}`],
  ['api_port: -1', `api_port must be ${port}`],
  ['api_port: 65536', `api_port must be ${port}`],
  ['api_port: 80.5', `api_port must be ${port}`],
  ['api_port: .nan', `api_port must be ${port}`],
  ['api_port: true', `api_port must be ${port}`],
  ['api_port: [8000]', `api_port must be ${port}`],
  ['api_host: ""', 'api_host must be text (in quotes if it looks like a number), not empty'],
  ['api_prot: 1', 'api_prot is no setting; did you mean api_port?'],
  ['kafka: { brokr_url: x }', 'kafka.brokr_url is no setting; did you mean kafka.broker_url?'],
  ['broker_url: x', 'broker_url is no setting; did you mean kafka.broker_url?'],
  ['flux_capacitor: 1', 'flux_capacitor is no setting; config/default.yaml has them all'],
  ['__proto__: { a: 1 }', '__proto__ is no setting; config/default.yaml has them all'],
  ['"a\\nb": 1', '"a\\nb" is no setting; config/default.yaml has them all'],
  ['kafka: one:9092', 'kafka must be a mapping'],
  ['kafka: [one]', 'kafka must be a mapping'],
  ['event_store: redis', 'event_store must be embedded or kafka'],
  ['read_model_store: Kafka', 'read_model_store must be embedded or mongodb'],
  ['feed: yes', `feed must be ${feeds}`],
  ['partitions: 0', 'partitions must be a whole number from 1 to 1024'],
  [
    'cors_origin: example.org',
    'cors_origin must be empty, "*", or an origin such as https://example.org',
  ],
  ['finnhub: { token: 12345 }', `finnhub.token must be ${text}`],
  [
    'finnhub: { url: "https://x" }',
    'finnhub.url must be an address that starts with ws:// or wss://',
  ],
  ['subscribed_symbols: AAPL,,TSLA', `subscribed_symbols[1] must be ${symbol}`],
  ['subscribed_symbols: [AAPL, TRUE]', `subscribed_symbols[1] must be ${symbol}`],
  ['subscribed_symbols: ["A\\nB"]', `subscribed_symbols[0] must be ${symbol}`],
  [`subscribed_symbols: [${'é'.repeat(65)}]`, `subscribed_symbols[0] must be ${symbol}`],
  [
    'subscribed_symbols: [A, B, A]',
    'subscribed_symbols[2] is the same as subscribed_symbols[0]: name each once',
  ],
  ['subscribed_symbols: { A: 1 }', 'subscribed_symbols must be a list of symbols, each once'],
  ['file: { speed: 0 }', 'file.speed must be a whole number from 1 to 1000000, or max'],
  ['file: { speed: fast }', 'file.speed must be a whole number from 1 to 1000000, or max'],
  ['kafka: { broker_url: localhost }', 'kafka.broker_url[0] must be host:port'],
  [
    'kafka: { topic: "a b" }',
    'kafka.topic must be 1 to 249 letters, digits, dots, underscores and hyphens',
  ],
  ['kafka: { ssl: "yes" }', 'kafka.ssl must be true or false'],
  ['timeouts: { shutdown: 5 s }', `timeouts.shutdown must be ${duration}`],
  ['timeouts: { shutdown: 0s }', `timeouts.shutdown must be ${duration}`],
  ['timeouts: { shutdown: 25h }', `timeouts.shutdown must be ${duration}`],
  ['timeouts: { shutdown: 99999999999999999999h }', `timeouts.shutdown must be ${duration}`],
  ['timeouts: { shutdown: 1.5s }', `timeouts.shutdown must be ${duration}`],
  [
    'verify: { every: never }',
    'verify.every must be off, or a duration from 1ms to 24h, such as 30s or 10m',
  ],
  ['log: { level: loud }', 'log.level must be trace, debug, info, warn, error, fatal or silent'],
  [
    'mongodb: { url: "http://x" }',
    'mongodb.url must be a connection string that starts with mongodb:// or mongodb+srv://',
  ],
  ['event_store: kafka', 'kafka.broker_url must be set, as event_store is kafka'],
  ['read_model_store: mongodb', 'mongodb.url must be set, as read_model_store is mongodb'],
  ['feed: finnhub', 'finnhub.token must be set, as feed is finnhub'],
  ['feed: file', 'file.path must be set, as feed is file'],
  [
    'kafka: { sasl: { mechanism: plain, username: me } }',
    'kafka.sasl.username and kafka.sasl.password must be set, as kafka.sasl.mechanism is',
  ],
  [
    'kafka: { sasl: { username: me } }',
    'kafka.sasl.mechanism must be set, as kafka.sasl.username or password is',
  ],
  ['kafka: { ssl_ca_file: ca.pem }', 'kafka.ssl must be true, as kafka.ssl_ca_file is set'],
  [
    'ingest: { buffer_events_max: 10 }',
    'ingest.append_events_max must be at most ingest.buffer_events_max',
  ],
]

for (const [content, message] of wrongFiles) {
  test(`refuses ${JSON.stringify(content.slice(0, 60))}`, () => {
    assert.is(
      messageOf(() => load(content)),
      message,
    )
  })
}

const unreadable: readonly (readonly [content: string | Buffer, message: string])[] = [
  ['- api_port', 'must be a mapping of settings'],
  ['api_port', 'must be a mapping of settings'],
  ['a: 1\na: 2', 'is not plain YAML (DUPLICATE_KEY in line 2)'],
  ['finnhub:\n  token: "abc', 'is not plain YAML (MISSING_CHAR in line 2)'],
  ['finnhub:\n  token: *secret', 'is not plain YAML (it has an alias)'],
  ['kafka: &a { sasl: *a }', 'is not plain YAML (it has an alias)'],
  ['kafka: !!set { ssl }', 'is not plain YAML (TAG_RESOLVE_FAILED in line 1)'],
  ['a: 1\n---\nb: 2', 'is not plain YAML (MULTIPLE_DOCS in line 2)'],
  [Buffer.from([0xff, 0xfe, 0x00, 0x01]), 'must be a mapping of settings'],
]

for (const [content, message] of unreadable) {
  test(`refuses a file of ${JSON.stringify(content.toString())}`, () => {
    const file = fileWith(content)
    assert.is(
      messageOf(() => loadConfig({ file, environment: {} })),
      `${file}: ${message}`,
    )
  })
}

test('refuses a file that is missing or a directory', () => {
  const missing = join(directory, 'missing.yaml')
  const folder = join(directory, 'folder.yaml')
  mkdirSync(folder)
  assert.is(
    messageOf(() => loadConfig({ file: missing, environment: {} })),
    `cannot read the settings: ${missing} doesn't exist: correct the path`,
  )
  assert.is(
    messageOf(() => loadConfig({ file: folder, environment: {} })),
    `cannot read the settings: ${folder} is a directory, not a file: name a file`,
  )
})

const wrongVariables: readonly (readonly [name: string, value: string, message: string])[] = [
  ['TRADELOG_API_PROT', '1', 'TRADELOG_API_PROT is no setting; did you mean TRADELOG_API_PORT?'],
  [
    'TRADELOG_KAFKA_BROKER_URL',
    'a:1',
    'TRADELOG_KAFKA_BROKER_URL is no setting; did you mean TRADELOG_KAFKA__BROKER_URL?',
  ],
  ['TRADELOG_KAFKA', 'x', 'TRADELOG_KAFKA is no setting; config/default.yaml has them all'],
  ['TRADELOG_', 'x', 'TRADELOG_ is no setting; config/default.yaml has them all'],
  ['TRADELOG_API_PORT', '8000x', `api_port must be ${port}`],
  ['TRADELOG_KAFKA__SSL', '1', 'kafka.ssl must be true or false'],
]

for (const [name, value, message] of wrongVariables) {
  test(`refuses ${name}=${value}`, () => {
    assert.is(
      messageOf(() => load('', { [name]: value })),
      message,
    )
  })
}

const predecessor = `
api_port: "8000"
finnhub:
  token: c0ffee
kafka:
  broker_url: "kafka:29092"
  topic: "raw_ticks"
subscribed_symbols:
  - "AAPL"
  - "AMD"
mongodb:
  url: mongodb://mongodb:27017
  database_name: "financial"
  collection_name: "trades"
  symbols_collection_name: "symbols"
timeouts:
  api_request: "5s"
  background_operation: "15s"
  shutdown: "5s"
`

test('takes a file of the Go platform as it is, and says what has no use', () => {
  const { config, warnings } = load(predecessor)
  assert.equal(
    [config.eventStore, config.readModelStore, config.feed],
    ['kafka', 'mongodb', ['finnhub']],
  )
  assert.equal(config.kafka.brokerUrl, ['kafka:29092'])
  assert.is(config.mongodb.databaseName, 'financial')
  const why = 'each generation of a read model has its own collection'
  assert.equal(warnings, [
    `mongodb.collection_name is passed over: ${why}`,
    `mongodb.symbols_collection_name is passed over: ${why}`,
  ])
})

test('a setting wins over what a file of the Go platform implies', () => {
  const { config } = load(`event_store: embedded\nfeed: none\n${predecessor}`, {
    TRADELOG_READ_MODEL_STORE: 'embedded',
  })
  assert.equal(
    [config.eventStore, config.readModelStore, config.feed],
    ['embedded', 'embedded', ['none']],
  )
})

test('feed is one name, or several live feeds as a list or with commas', () => {
  const token = { TRADELOG_FINNHUB__TOKEN: 'x' }
  assert.equal(load('feed: [finnhub]', token).config.feed, ['finnhub'])
  assert.equal(load('', { TRADELOG_FEED: 'finnhub', ...token }).config.feed, ['finnhub'])
  const refused = (value: string) => messageOf(() => load('', { TRADELOG_FEED: value, ...token }))
  assert.is(refused('finnhub,polygon'), `feed must be ${feeds}`)
  assert.is(refused('finnhub,finnhub'), `feed must be ${feeds}`)
  assert.is(
    refused('finnhub, none'),
    'feed may name several live feeds, but simulated, file and none stand alone',
  )
})

test('a store or feed is implied by the environment as well', () => {
  const { config } = load('', { TRADELOG_MONGODB__URL: 'mongodb://localhost' })
  assert.equal([config.eventStore, config.readModelStore], ['embedded', 'mongodb'])
})

test('no secret is shown', () => {
  const { config } = load('', {
    TRADELOG_FINNHUB__TOKEN: 'S3CRET',
    TRADELOG_FINNHUB__URL: 'wss://ws.finnhub.io?token=S3CRET',
    TRADELOG_KAFKA__SASL__MECHANISM: 'plain',
    TRADELOG_KAFKA__SASL__USERNAME: 'me',
    TRADELOG_KAFKA__SASL__PASSWORD: 'S3CRET',
    TRADELOG_MONGODB__URL: 'mongodb+srv://me:S3C@RET/S3CRET@host/db?proxyPassword=S3CRET',
  })
  const shown = redactedConfig(config)
  assert.not.match(JSON.stringify(shown), /S3C|RET/)
  assert.is(shown.mongodb.url, 'mongodb+srv://***@host/db?***')
  assert.is(shown.finnhub.url, 'wss://ws.finnhub.io?***')
  assert.is(shown.finnhub.token, '***')
  assert.is(redactedConfig(loadConfig({ environment: {} }).config).finnhub.token, '')
})

test('no error shows the value it refuses', () => {
  const refused = ['mongodb: { url: S3CRET }', 'finnhub: token:S3CRET', 'api_port: S3CRET']
  for (const content of [...refused, 'a: "S3CRET', 'a: *S3CRET', '- S3CRET', 'S3CRET']) {
    assert.not.match(
      messageOf(() => load(content)),
      /S3CRET|\n/,
    )
  }
})

test.run()
