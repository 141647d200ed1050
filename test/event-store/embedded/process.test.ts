import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { openEmbeddedEventStore } from '../../../src/event-store/embedded/embedded-event-store.ts'
import type { EventStore } from '../../../src/event-store/event-store.ts'
import { readGroup } from '../../contracts/event-store-reader.ts'
import { eventually } from '../../support/eventually.ts'
import { faultRounds, seededRandom, testSeed } from '../../support/random.ts'
import { suite } from '../../support/suite.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { trade } from '../../support/trade.ts'

const test = suite('embedded event store of several processes')
const partitions = 4
const program = join(import.meta.dirname, 'log-process.js')
const random = seededRandom(testSeed)

type LogProcess = Readonly<{ messages: unknown[]; kill: () => Promise<void> }>

function start(directory: string, task: string): LogProcess {
  const child = fork(program, [directory, task])
  const messages: unknown[] = []
  child.on('message', (message) => messages.push(message))
  return { messages, kill: () => kill(child) }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

async function withStore(directory: string, body: (store: EventStore) => Promise<unknown>) {
  const store = await openEmbeddedEventStore({ directory, partitions })
  try {
    await body(store)
  } finally {
    await store.close()
  }
}

async function readAll(store: EventStore) {
  const trades: { source: string; price: string }[] = []
  for (const { partition, head: to } of await store.heads()) {
    let next = 0
    for await (const slice of store.read({ partition, from: 0, to, batchEventsMax: 100 })) {
      for (const { offset, event } of slice.events) {
        assert.is(offset, next++)
        assert.is(event.type, 'TradeExecuted')
        if (event.type === 'TradeExecuted') trades.push(event)
      }
    }
    assert.is(next, to)
  }
  return trades
}

test('a reader in another process wakes when something is appended', async () => {
  const directory = temporaryDirectory()
  const follower = start(directory, 'follow')
  const batches = () => follower.messages.filter((message) => message !== 'open')
  try {
    await withStore(directory, async (store) => {
      await eventually(() => follower.messages.includes('open'))
      const delaysMs: number[] = []
      for (let i = 1; i <= 10; i++) {
        await store.append([trade()])
        const appendedAt = Date.now()
        await eventually(() => batches().length === i)
        delaysMs.push((batches()[i - 1] as { at: number }).at - appendedAt)
      }
      const [median] = delaysMs.sort((a, b) => a - b).slice(5)
      process.stdout.write(`woke after ${median} ms (median of ${delaysMs.join(' ')})\n`)
    })
  } finally {
    await follower.kill()
  }
})

test('a killed writer leaves only whole appends, and every acknowledged one', async () => {
  const directory = temporaryDirectory()
  const acknowledged = new Set<unknown>()
  for (let round = 0; round < faultRounds; round++) {
    const writers = [start(directory, 'append'), start(directory, 'append')]
    const appends = 1 + Math.floor(random() * 40)
    await eventually(() => writers.every(({ messages }) => messages.length > appends))
    await sleep(random() * 20)
    for (const { kill } of writers) await kill()
    for (const message of writers.flatMap(({ messages }) => messages)) acknowledged.add(message)
    acknowledged.delete('open')

    await withStore(directory, async (store) => {
      const prices = new Map<string, string[]>()
      for (const { source, price } of await readAll(store)) {
        prices.set(source, [...(prices.get(source) ?? []), price])
      }
      for (const source of acknowledged) assert.ok(prices.has(String(source)), `seed ${testSeed}`)
      for (const [source, of] of prices) {
        assert.is(new Set(of).size, 30, `${source} is not whole, seed ${testSeed}`)
        assert.is(of.length, 30, `${source} is there twice, seed ${testSeed}`)
      }
    })
  }
})

test('the partitions of a killed reader are taken over', async () => {
  const directory = temporaryDirectory()
  const follower = start(directory, 'follow')
  try {
    await withStore(directory, async (store) => {
      await store.append([trade()])
      await eventually(() => follower.messages.length === 2)
      const reader = readGroup(store)

      assert.is(reader.assigned.length, 0)
      await follower.kill()

      await eventually(() => reader.records.length === 1)
      reader.stop()
    })
  } finally {
    await follower.kill()
  }
})

async function refusedWrite() {
  const directory = temporaryDirectory()
  const limit = `ulimit -f 4000 && exec "$0" "$@"`
  const child = fork(program, [directory, 'fill'], {
    execPath: 'bash',
    execArgv: ['-c', limit, process.execPath],
    silent: true,
  })
  const messages: unknown[] = []
  child.on('message', (message) => messages.push(message))

  const [exitCode] = await once(child, 'exit')

  const [, { codes, appended, heads }] = messages as [
    unknown,
    { codes: string[]; appended: number; heads: number },
  ]
  assert.is(exitCode, 0)
  assert.ok(
    codes.every((code) => code === 'EVENT_STORE_UNAVAILABLE' || code === 'EVENT_STORE_FULL'),
  )
  assert.is(heads, appended)
  await withStore(directory, async (store) => {
    assert.is((await readAll(store)).length, appended)
    await store.append([trade()])
  })
}

const refusedWriteTitle = 'a write that the disk refuses fails its append, and nothing else'
if (process.platform !== 'win32') test(refusedWriteTitle, refusedWrite)
else test.skip(refusedWriteTitle, 'a shell has to limit the size of files')

test.run()
