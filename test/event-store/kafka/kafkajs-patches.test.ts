import { once } from 'node:events'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer } from 'node:net'
import * as assert from 'uvu/assert'
import { patchKafkajs } from '../../../src/event-store/kafka/kafkajs-patches.ts'
import { suite } from '../../support/suite.ts'

const test = suite('patches of kafkajs')

patchKafkajs()
const require = createRequire(import.meta.url)
const Connection = require('kafkajs/src/network/connection')
const RequestQueue = require('kafkajs/src/network/requestQueue')
const socketFactory = require('kafkajs/src/network/socketFactory')

const silent = { debug: () => {}, error: () => {}, namespace: () => silent }

async function listening() {
  const server = createServer()
  let accepted = 0
  server.on('connection', () => {
    accepted += 1
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { port, accepted: () => accepted, close: () => void server.close() }
}

const connectionTo = (port: number) =>
  new Connection({
    host: '127.0.0.1',
    port,
    logger: silent,
    connectionTimeout: 1_000,
    socketFactory: socketFactory(),
  })

test('two requests at once on a closed connection open one socket', async () => {
  const server = await listening()
  const connection = connectionTo(server.port)
  await Promise.all([connection.connect(), connection.connect()])
  assert.is(server.accepted(), 1)
  await connection.disconnect()
  server.close()
})

test('a connection that was lost, or could not be made, can be made again', async () => {
  const gone = await listening()
  gone.close()
  const refused = connectionTo(gone.port)
  for (let times = 0; times < 2; times++) {
    await refused.connect().then(assert.unreachable, (error: Error) => {
      assert.is(error.name, 'KafkaJSConnectionError')
    })
  }
  const server = await listening()
  const connection = connectionTo(server.port)
  await connection.connect()
  await connection.disconnect()
  await connection.connect()
  assert.is(server.accepted(), 2)
  await connection.disconnect()
  server.close()
})

const queue = (pending: readonly unknown[], throttledUntil: number) =>
  Object.assign(Object.create(RequestQueue.prototype), {
    pending,
    throttledUntil,
    throttleCheckTimeoutId: null,
  })

test('an idle connection arms no timer', () => {
  const idle = queue([], -1)
  idle.scheduleCheckPendingRequests()
  assert.is(idle.throttleCheckTimeoutId, null)
})

test('a request that waits is looked at again', async () => {
  const waiting = queue([{}], -1)
  const checked = new Promise<void>((resolve) => {
    waiting.checkPendingRequests = resolve
  })
  waiting.scheduleCheckPendingRequests()
  await checked
  assert.is(waiting.throttleCheckTimeoutId, null)
})

test.run()
