import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { loadConfig } from '../src/runtime/config/config.ts'
import { suite } from './support/suite.ts'

const test = suite('deployment')

type Service = Readonly<{
  image: string
  build?: string
  user?: string
  command?: readonly string[]
  environment?: Readonly<Record<string, string | number>>
  healthcheck?: Readonly<{ test: readonly string[] }>
  ports?: readonly string[]
  profiles?: readonly string[]
  volumes?: readonly string[]
  stop_grace_period?: string
  container_name?: string
  depends_on?: Readonly<Record<string, Readonly<{ condition: string }>>>
}>
type Compose = Readonly<{
  services: Readonly<Record<string, Service>>
  volumes?: Readonly<Record<string, unknown>>
}>

const urlOf = (path: string) => new URL(`../../${path}`, import.meta.url)
const textOf = (path: string) => readFileSync(urlOf(path), 'utf8')
const composeOf = (path: string): Compose => parse(textOf(path), { merge: true })

const dockerYaml = fileURLToPath(urlOf('config/docker.yaml'))
const { config } = loadConfig({ file: dockerYaml, environment: {} })
const packageJson: { scripts: Record<string, string>; bin: { tradelog: string } } = JSON.parse(
  textOf('package.json'),
)
const dockerfile = textOf('Dockerfile')

const files = ['docker-compose.yml', 'docker-compose.prod.yml']
const services = files.flatMap((file) =>
  Object.entries(composeOf(file).services).map(([name, service]) => ({ file, name, service })),
)
const ours = services.filter(({ service }) => service.build !== undefined)
const foreign = services.filter(({ service }) => service.build === undefined)

test('the services are those that the page on scaling out names', () => {
  assert.equal(
    services.map(({ file, name }) => `${file} ${name}`),
    [
      'docker-compose.yml kafka',
      'docker-compose.yml mongodb',
      'docker-compose.yml ingest',
      'docker-compose.yml project',
      'docker-compose.yml api',
      'docker-compose.yml prometheus',
      'docker-compose.yml grafana',
      'docker-compose.prod.yml api',
    ],
  )
})

test('every service can be scaled, is checked for health and does not run as root', () => {
  for (const { file, name, service } of services) {
    const label = `${name} of ${file}`
    assert.is(service.container_name, undefined, label)
    assert.is(service.healthcheck?.test[0], 'CMD', label)
    assert.match(service.user ?? 'root', /^(node|appuser|mongodb|nobody|472)$/, label)
  }
})

test('images of others are pinned to a version', () => {
  for (const { service } of foreign) assert.match(service.image, /:v?\d+\.\d+(\.\d+)?$/)
})

test('the roles are commands of the program, run as in package.json', () => {
  const [node = '', ...flags] = packageJson.scripts.start?.split(' ').slice(0, -2) ?? []
  const program = [node, ...flags, packageJson.bin.tradelog].map((word) => `"${word}"`)
  assert.match(dockerfile, `\nENTRYPOINT [${program.join(', ')}]\n`)
  for (const { name, service } of ours) {
    const [command = '', ...rest] = service.command ?? []
    assert.is(command, name)
    const run = `${packageJson.bin.tradelog} ${command}`
    assert.ok(
      [`node ${run}`, [node, ...flags, run].join(' ')].includes(packageJson.scripts[command] ?? ''),
    )
    assert.equal(rest, ['--config', 'config/docker.yaml'])
  }
})

test('the program started by its name gives Node the same flags', () => {
  const [, line] = /^#!\/usr\/bin\/env -S (.+)\n/.exec(textOf('src/cli/main.ts')) ?? []
  assert.is(`${line} ${packageJson.bin.tradelog} start`, packageJson.scripts.start)
})

test('the variables given to the roles are settings, and may be empty except the address', () => {
  for (const { service } of ours) {
    const names = Object.keys(service.environment ?? {}).filter((name) => name !== 'NODE_OPTIONS')
    const environment = Object.fromEntries(names.map((name) => [name, '']))
    assert.equal(loadConfig({ file: dockerYaml, environment }).config, config)
  }
})

test('every role can be given another log and another database', () => {
  const { ingest, project, api } = composeOf('docker-compose.yml').services
  const topic = { TRADELOG_KAFKA__TOPIC: `\${TRADELOG_KAFKA__TOPIC:-}` }
  const database = { TRADELOG_MONGODB__DATABASE_NAME: `\${TRADELOG_MONGODB__DATABASE_NAME:-}` }
  assert.is(ingest?.environment?.TRADELOG_KAFKA__TOPIC, topic.TRADELOG_KAFKA__TOPIC)
  assert.equal(project?.environment, { ...topic, ...database })
  assert.equal(api?.environment, database)
})

test('the health check asks the operations port', () => {
  for (const { service } of ours) {
    const [address = ''] = service.healthcheck?.test.slice(-1) ?? []
    assert.is(address, `http://127.0.0.1:${config.operationsPort}/healthz`)
  }
})

test('a role has more time to stop than its own limit', () => {
  for (const { service } of ours) {
    const graceMs = Number.parseInt(service.stop_grace_period ?? '', 10) * 1_000
    assert.ok(graceMs > config.timeouts.shutdownMs)
  }
})

test('the API is published on the port it listens on, from every address of its container', () => {
  assert.is(config.apiHost, '0.0.0.0')
  const published = ours.filter(({ service }) => service.ports !== undefined)
  assert.equal([...new Set(published.map(({ name }) => name))], ['api'])
  for (const { service } of published) {
    assert.ok(service.ports?.every((port) => port.endsWith(`:${config.apiPort}`)))
  }
})

test('the settings name the servers of the compose file', () => {
  const { kafka } = composeOf('docker-compose.yml').services
  assert.equal(config.kafka.brokerUrl, ['kafka:9092'])
  assert.is(kafka?.environment?.KAFKA_ADVERTISED_LISTENERS, 'PLAINTEXT://kafka:9092')
  assert.is(config.mongodb.url, 'mongodb://mongodb:27017')
  assert.equal([config.eventStore, config.readModelStore], ['kafka', 'mongodb'])
})

test('the data of the servers outlives their containers', () => {
  const compose = composeOf('docker-compose.yml')
  assert.equal(compose.services.mongodb?.volumes, ['mongodb:/data/db'])
  const { volumes, environment } = compose.services.kafka ?? {}
  assert.equal(volumes, [`kafka:${environment?.KAFKA_LOG_DIRS}`])
  assert.equal(Object.keys(compose.volumes ?? {}), ['kafka', 'mongodb', 'prometheus'])
})

test('a role waits until its servers are healthy, and the API does not need Kafka', () => {
  const { ingest, project, api } = composeOf('docker-compose.yml').services
  const healthy = { condition: 'service_healthy' }
  assert.equal(ingest?.depends_on, { kafka: healthy })
  assert.equal(project?.depends_on, { kafka: healthy, mongodb: healthy })
  assert.equal(api?.depends_on, { mongodb: healthy })
})

test('the image holds the program without its tests and tools, and runs as node', () => {
  const stages = dockerfile.split(/^FROM /m)
  const last = stages.at(-1) ?? ''
  assert.is(stages.length, 4)
  assert.match(dockerfile, 'RUN npm ci --omit=dev')
  assert.match(last, 'COPY --from=build /app/dist/src ./dist/src')
  assert.match(last, '\nUSER node\n')
  for (const path of ['package.json', 'package-lock.json', 'tsconfig.json', 'config', 'src']) {
    assert.match(textOf('.dockerignore'), `\n!${path}\n`)
  }
})

test('every supported Node runs the same test command against real servers', () => {
  const { test: job } = parse(textOf('.github/workflows/ci.yml')).jobs
  assert.equal(
    job.strategy.matrix.include.map(({ node }: { node: string }) => node),
    ['20.19', '22', '24'],
  )
  assert.equal(Object.keys(job.services), ['kafka', 'mongodb'])
  assert.equal(Object.keys(job.env), ['KAFKA_BROKERS', 'MONGODB_URL', 'CHROMIUM_PATH'])
  const commands = job.steps.flatMap(({ run }: { run?: string }) => run ?? [])
  assert.equal(commands, [
    'npm ci',
    'npm run lint',
    'npm test',
    'npm run test:part -- end-to-end',
    'npm run test:part -- end-to-end/main-job',
    'npm run test:part -- end-to-end/main-job',
  ])
  const pairs = job.steps.flatMap(({ env }: { env?: Record<string, string> }) => env ?? [])
  assert.equal(pairs, [
    { TRADELOG_TEST_EVENT_STORE: 'kafka', TRADELOG_TEST_READ_MODEL_STORE: 'mongodb' },
    { TRADELOG_TEST_EVENT_STORE: 'kafka' },
    { TRADELOG_TEST_READ_MODEL_STORE: 'mongodb' },
  ])
})

test.run()
