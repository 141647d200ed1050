import * as assert from 'uvu/assert'
import { feedAddress } from '../../src/ingest/feed-address.ts'
import { suite } from '../support/suite.ts'

const test = suite('feed address')

test('holds the token for the socket, and never for the log', () => {
  const { url, shown, redact } = feedAddress('wss://ws.finnhub.io', 'to/ken=1')
  assert.is(url, 'wss://ws.finnhub.io/?token=to%2Fken%3D1')
  assert.is(shown, 'wss://ws.finnhub.io/')
  assert.is(redact(`no ${url} for to/ken=1`), 'no wss://ws.finnhub.io/?token=*** for ***')
})

test('hides a token and a password that are in the address already', () => {
  const { shown, redact } = feedAddress('wss://me:secret@feed.example/x?token=abc')
  assert.is(shown, 'wss://feed.example/x')
  assert.is(redact('abc secret'), '*** ***')
})

for (const url of ['', 'ws.finnhub.io', 'https://ws.finnhub.io?token=abc', '//abc']) {
  test(`refuses "${url.slice(0, 8)}…" without showing it`, () => {
    try {
      feedAddress(url)
      assert.unreachable()
    } catch (error) {
      assert.is((error as { code?: string }).code, 'CONFIG_INVALID')
      assert.not.match(String(error), /abc/)
    }
  })
}

test.run()
