import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { get, type TradesPage } from '../support/api-client.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { embeddedStores, freshStores, storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import type { Settings } from '../support/tradelog.ts'
import { oneRound, type Round, stopAll } from './flow.ts'

const test = suite(`operations port of every role on ${storePair.name}`)
const root = resolve(import.meta.dirname, '../../..')

async function fetched(port: number, path: string) {
  const { status, headers } = await fetch(`http://127.0.0.1:${port}${path}`)
  return { status, type: headers.get('content-type') ?? '' }
}

/** Starts commands on the same stores, each with its own operations port. */
async function startAll(
  { start }: Round,
  commands: readonly (readonly string[])[],
  settings: Settings,
) {
  const started = []
  for (const command of commands) {
    const port = await freePort()
    const running = start(command, { ...settings, OPERATIONS_PORT: String(port) })
    started.push({ command, port, running })
  }
  return started
}

async function serves({ start, ...round }: Round, commands: string[][], settings: Settings) {
  const started = await startAll({ start, ...round }, commands, settings)
  for (const { command, port } of started) {
    const name = command.join(' ')
    await eventually(async () => (await fetched(port, '/healthz')).status === 200)
    await eventually(async () => (await fetched(port, '/readyz')).status === 200)
    assert.match((await fetched(port, '/metrics')).type, 'text/plain', name)
    assert.is((await fetched(port, '/api/v1/symbols')).status, 404, name)
  }
  return started
}

test(
  'each role in its own process is healthy, ready and measured there',
  () =>
    oneRound(async (round) => {
      const commands = [['ingest'], ['project'], ['api']]
      const started = await serves(round, commands, freshStores())
      await stopAll(started.map(({ running }) => running))
    }),
  { timeoutMs: 120_000 },
)

test(
  'all roles in one process are healthy, ready and measured too',
  () =>
    oneRound(async (round) => {
      const started = await serves(round, [['start']], freshStores())
      await stopAll(started.map(({ running }) => running))
    }),
  { timeoutMs: 120_000 },
)

const away = { KAFKA__BROKER_URL: '127.0.0.1:1', MONGODB__URL: 'mongodb://127.0.0.1:1' }

test('a role whose stores are away when it starts is alive, and says that it is not ready', () =>
  oneRound(async (round) => {
    const settings = { ...embeddedStores(), ...away }
    const started = await startAll(round, [['ingest'], ['project'], ['api'], ['start']], settings)
    for (const { port } of started) {
      await eventually(async () => (await fetched(port, '/healthz')).status === 200)
      const ready = await fetch(`http://127.0.0.1:${port}/readyz`)
      assert.is(ready.status, 503)
      assert.match(await ready.text(), 'have not answered since the start')
    }
    await stopAll(started.map(({ running }) => running))
  }))

const composeTitle = 'the commands of docker-compose.yml, run outside of containers, serve trades'

if (storePair.name === 'kafka/mongodb') {
  test(
    composeTitle,
    () =>
      oneRound(async (round) => {
        const file = readFileSync(join(root, 'docker-compose.yml'), 'utf8')
        const { services } = parse(file, { merge: true })
        const commands = ['ingest', 'project', 'project', 'api'].map((name) =>
          services[name].command.map((part: string) =>
            part.startsWith('config/') ? join(root, part) : part,
          ),
        )
        // Compose names these: the servers, and a host for each container.
        const { EVENT_STORE: _, READ_MODEL_STORE: __, ...servers } = freshStores()
        const started = await serves(round, commands, { ...servers, API_HOST: '127.0.0.1' })
        const address = (await started.at(-1)?.running.address()) ?? ''
        await eventually(async () => {
          const answer = await get<TradesPage>(`${address}/api/v1/trades/AAPL`)
          return answer.status === 200 && answer.data.data.length > 0
        })
        await stopAll(started.map(({ running }) => running))
      }),
    { timeoutMs: 120_000 },
  )
} else {
  test.skip(composeTitle, 'they name Kafka and MongoDB')
}

test.run()
