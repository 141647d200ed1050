import { EventEmitter, once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import * as assert from 'uvu/assert'
import { streamClient } from '../../../src/read-api/stream/client.ts'
import { newestRows } from '../../../src/read-api/stream/newest-rows.ts'
import type { Positions } from '../../../src/read-api/stream/positions.ts'
import { eventually } from '../../support/eventually.ts'
import { suite } from '../../support/suite.ts'

const test = suite('client of a stream')

const bufferBytesMax = 1_000
const limits = { heartbeatEveryMs: 60_000, bufferBytesMax, slowMsMax: 5_000, byeMsMax: 10 }

/** A response whose reader takes nothing while `isStuck`. */
function response() {
  const state = { isStuck: false, text: '', writableLength: 0, writableEnded: false }
  let waiting = ''
  const take = () => {
    if (state.isStuck) return
    state.text += waiting
    waiting = ''
  }
  const write = (text: string) => {
    waiting += text
    take()
    fake.writableLength = waiting.length
  }
  const fake = Object.assign(new EventEmitter(), state, {
    write,
    end: (text: string) => {
      write(text)
      fake.writableEnded = true
    },
    destroy: () => fake.emit('close'),
    read: () => {
      state.isStuck = false
      write('')
      return state.text
    },
    stick: () => {
      state.isStuck = true
    },
    ticks: () => [...fake.read().matchAll(/data: \{"n":(\d+)/g)].map(([, n]) => Number(n)),
  })
  return fake
}

const upTo = (offset: number): Positions => new Map([[0, { offset, log: 'aaaaaaaa' }]])

function given({ symbols, resumeFrom = new Map() }: Given = {}) {
  const rows = newestRows('tick')
  const sent = response()
  const clock = { now: 0 }
  const client = streamClient({
    response: sent as unknown as ServerResponse,
    symbols,
    interval: undefined,
    resumeFrom,
    limits,
    now: () => clock.now,
  })
  const poll = (numbers: Record<string, number>) => {
    const fresh = Object.entries(numbers).map(([symbol, n]) => ({
      key: symbol,
      symbol,
      at: n,
      guard: `0:${n}`,
      shown: () => ({ n, text: 'x'.repeat(300) }),
    }))
    client.deliver([rows.take(fresh, upTo(Math.max(...Object.values(numbers))))])
  }
  return { client, sent, poll, clock, close: () => sent.emit('close') }
}

type Given = { symbols?: ReadonlySet<string>; resumeFrom?: Positions }

test('gets every row, then what has changed, each time with an id', () => {
  const { sent, poll, close } = given()
  poll({ A: 1, B: 2 })
  poll({ A: 1, B: 3 })
  poll({ A: 1, B: 3 })
  assert.equal(sent.ticks(), [1, 2, 3])
  assert.equal(
    [...sent.read().matchAll(/^id: (.*)\nevent: tick$/gm)].map(([, id]) => id),
    ['0:2:aaaaaaaa', '0:3:aaaaaaaa'],
  )
  close()
})

test('never gets a row at or below the one it has', () => {
  const { sent, poll, close } = given()
  poll({ A: 5 })
  poll({ A: 4 })
  poll({ A: 5 })
  poll({ A: 6 })
  assert.equal(sent.ticks(), [5, 6])
  close()
})

test('gets only what is newer than the id it comes with', () => {
  const { sent, poll, close } = given({ resumeFrom: upTo(5) })
  poll({ A: 5, B: 6 })
  assert.equal(sent.ticks(), [6])
  close()
})

test('keeps its position if the store is behind its id, or cannot be read yet', () => {
  const { client, sent, poll, close } = given({ resumeFrom: upTo(5) })
  client.deliver([newestRows('tick').unchanged()])
  poll({ A: 3 })
  poll({ A: 5 })
  poll({ A: 7 })
  assert.equal(sent.ticks(), [7])
  assert.is(sent.read().match(/^id: 0:3:/m), null)
  close()
})

test('gets everything if the id is of another log', () => {
  const resumeFrom = new Map([[0, { offset: 5, log: 'bbbbbbbb' }]])
  const { sent, poll, close } = given({ resumeFrom })
  poll({ A: 3 })
  assert.equal(sent.ticks(), [3])
  close()
})

test('gets no older candle than another process sent, and the open one when that is in step', () => {
  const rows = newestRows('candle')
  const sent = response()
  const wish = { symbols: undefined, interval: '1m' as const, resumeFrom: upTo(5) }
  const client = streamClient({ response: sent as unknown as ServerResponse, ...wish, limits })
  const poll = (n: number, position: number, complete: boolean) => {
    const shown = () => ({ n, complete })
    const candle = { key: 'A', symbol: 'A', at: 0, guard: `0:${n}`, complete, shown }
    client.deliver([rows.take([candle], upTo(position))])
  }
  poll(3, 3, true)
  poll(3, 4, false)
  assert.equal(sent.ticks(), [])
  poll(5, 5, false)
  poll(5, 5, false)
  poll(5, 6, true)
  const texts = [...sent.read().matchAll(/data: (.*)/g)].map(([, text]) => text)
  assert.equal(texts, ['{"n":5,"complete":false}', '{"n":5,"complete":true}'])
  sent.emit('close')
})

test('gets an id for rows it did not want, too', () => {
  const { sent, poll, close } = given({ symbols: new Set(['A']) })
  poll({ A: 1 })
  poll({ A: 1, B: 2 })
  assert.equal(sent.ticks(), [1])
  assert.match(sent.read(), /\n\nid: 0:2:aaaaaaaa\n\n$/)
  close()
})

test('that is slow gets the latest of each row when it reads again', () => {
  const { sent, poll, close } = given()
  poll({ A: 1, B: 1 })
  sent.stick()
  for (let n = 2; n <= 100; n++) {
    poll({ A: n, B: n })
    assert.ok(sent.writableLength < bufferBytesMax + 400, `${sent.writableLength}`)
  }
  sent.read()
  poll({ A: 100, B: 101 })
  const ticks = sent.ticks()
  assert.equal(ticks.slice(-2).sort(), [100, 101])
  assert.ok(ticks.length < 12, `${ticks.length}`)
  assert.match(sent.read(), /id: 0:101:aaaaaaaa\nevent: tick\n[^\n]*\n\n$/)
  close()
})

test('gets an id only after all rows that it stands for', () => {
  const { sent, poll, close } = given()
  poll({ A: 1, B: 2, C: 3, D: 4, E: 5, F: 6 })
  assert.not.match(sent.read(), /^id/m)
  poll({ A: 1 })
  assert.equal(sent.ticks(), [1, 2, 3, 4, 5, 6])
  assert.match(sent.read(), /^id/m)
  close()
})

test('that stays slow is disconnected with a reason', async () => {
  const { sent, poll, clock } = given()
  sent.stick()
  for (let n = 1; n < 10; n++) poll({ A: n })
  clock.now = limits.slowMsMax
  poll({ A: 10 })
  assert.not(sent.writableEnded)
  const closed = new Promise((resolve) => sent.once('close', resolve))
  clock.now = limits.slowMsMax + 1
  poll({ A: 11 })
  assert.ok(sent.writableEnded)
  await closed
  assert.match(sent.read(), /event: bye\ndata: \{"reason":"too slow"\}\n\n$/)
})

test('that reads nothing costs a bounded buffer, and its connection is cut at last', async () => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').pause()
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  const [, sent] = await once(server, 'request')
  const clock = { now: 0 }
  const wish = { symbols: undefined, interval: undefined, resumeFrom: new Map() }
  const client = streamClient({ response: sent, ...wish, limits, now: () => clock.now })
  const rows = newestRows('tick')
  const rowBytes = 100_000
  const poll = (n: number) => {
    const shown = () => 'x'.repeat(rowBytes)
    const row = { key: 'A', symbol: 'A', at: n, guard: `0:${n}`, shown }
    client.deliver([rows.take([row], upTo(n))])
    return sent.writableLength
  }
  let n = 0
  await eventually(() => {
    const waiting = poll(++n)
    assert.ok(waiting < bufferBytesMax + 2 * rowBytes, `${waiting}`)
    return n > 500 || waiting > rowBytes
  })
  const closed = once(sent, 'close')
  poll(++n)
  clock.now += limits.slowMsMax + 1
  poll(++n)
  await closed
  socket.destroy()
  server.close()
})

test.run()
