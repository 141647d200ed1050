import * as assert from 'uvu/assert'
import { finnhub, finnhubProtocol } from '../../../../src/ingest/feeds/finnhub/protocol.ts'
import { suite } from '../../../support/suite.ts'

const test = suite('Finnhub protocol')

test('puts the token into the address, encoded, and leaves an address that is none to the socket', () => {
  const urlOf = (url: string) => finnhub.protocol({ url, token: 'to/ken=1' }).url
  assert.is(urlOf('wss://ws.finnhub.io'), 'wss://ws.finnhub.io/?token=to%2Fken%3D1')
  assert.is(urlOf('ws.finnhub.io'), 'ws.finnhub.io')
  assert.is(finnhub.protocol({ url: 'ws://127.0.0.1:1' }).url, 'ws://127.0.0.1:1')
})

test('subscribes and unsubscribes with a frame for each symbol', () => {
  const protocol = finnhubProtocol({ url: 'ws://x', source: 'simulated', pingEveryMs: 1 })
  assert.equal(protocol.subscribe(['AAPL', 'A"B']), [
    '{"type":"subscribe","symbol":"AAPL"}',
    '{"type":"subscribe","symbol":"A\\"B"}',
  ])
  assert.equal(protocol.unsubscribe(['AAPL']), ['{"type":"unsubscribe","symbol":"AAPL"}'])
})

test('a rejected entry, put into a message again, is a trade as soon as the clock allows it', () => {
  const { parse, messageOf = String } = finnhub.protocol({ url: 'ws://x' })
  const at = 1_763_645_583_544
  const data = [{ s: 'AAPL', p: 1, v: 1, t: at }]
  const { rejected } = parse(Buffer.from(JSON.stringify({ type: 'trade', data })), at - 3_600_000)
  assert.is(rejected[0]?.reason, 'time_in_the_future')
  const again = Buffer.from(messageOf(`[${rejected[0]?.text}]`))
  assert.is(parse(again, at - 3_600_000).rejected[0]?.reason, 'time_in_the_future')
  assert.is(parse(again, at).trades[0]?.price, '1')
})

test.run()
