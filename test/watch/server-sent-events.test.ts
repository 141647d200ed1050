import * as assert from 'uvu/assert'
import { type ServerSentEvent, serverSentEvents } from '../../src/watch/server-sent-events.ts'
import { suite } from '../support/suite.ts'

const test = suite('server-sent events')

const text = ': heartbeat\n\nid: 0:1\nevent: tick\ndata: {"symbol":"é: 1"}\n\nid: 0:2\n\n'

async function eventsIn(chunks: readonly Uint8Array[]): Promise<ServerSentEvent[]> {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
  const events: ServerSentEvent[] = []
  for await (const event of serverSentEvents(body)) events.push(event)
  return events
}

test('are read however the bytes are cut', async () => {
  const bytes = new TextEncoder().encode(text)
  const whole = await eventsIn([bytes])
  assert.equal(whole, [
    { event: 'comment', data: '', id: undefined },
    { event: 'tick', data: '{"symbol":"é: 1"}', id: '0:1' },
    { event: 'message', data: '', id: '0:2' },
  ])
  for (let at = 1; at < bytes.length; at++) {
    assert.equal(await eventsIn([bytes.slice(0, at), bytes.slice(at)]), whole, `cut at ${at}`)
  }
})

test('that end in the middle are ignored', async () => {
  assert.equal(await eventsIn([new TextEncoder().encode('event: tick\ndata: {"sym')]), [])
})

test.run()
