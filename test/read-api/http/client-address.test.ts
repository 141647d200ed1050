import type { IncomingMessage } from 'node:http'
import * as assert from 'uvu/assert'
import { allowanceOf, clientAddress } from '../../../src/read-api/http/client-address.ts'
import { isNetwork } from '../../../src/runtime/networks.ts'
import { suite } from '../../support/suite.ts'

const test = suite('address of a client')

const request = (remoteAddress: string | undefined, forwarded?: string): IncomingMessage =>
  ({
    socket: { remoteAddress },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  }) as unknown as IncomingMessage

test('is that of its connection if no proxy is trusted', () => {
  const addressOf = clientAddress([])
  assert.is(addressOf(request('192.0.2.1', '1.2.3.4')), '192.0.2.1')
  assert.is(addressOf(request('::ffff:192.0.2.1', '1.2.3.4')), '192.0.2.1')
  assert.is(addressOf(request(undefined)), '')
})

const cases: readonly (readonly [remote: string, forwarded: string | undefined, is: string])[] = [
  // A client that is not a trusted proxy can forge the header.
  ['192.0.2.1', '1.2.3.4', '192.0.2.1'],
  ['10.1.2.3', '1.2.3.4', '1.2.3.4'],
  ['::ffff:10.1.2.3', '1.2.3.4', '1.2.3.4'],
  ['10.1.2.3', '9.9.9.9, 1.2.3.4', '1.2.3.4'],
  ['10.1.2.3', '9.9.9.9, 1.2.3.4, 10.0.0.7, fd00::1', '1.2.3.4'],
  ['fd00::1', '2001:db8::1', '2001:db8::1'],
  // No header or no address in it: the proxy itself is the client.
  ['10.1.2.3', undefined, '10.1.2.3'],
  ['10.1.2.3', '', '10.1.2.3'],
  ['10.1.2.3', '1.2.3.4, unknown', '10.1.2.3'],
  ['10.1.2.3', '1.2.3.4, 10.0.0.7:99', '10.1.2.3'],
  ['10.1.2.3', '10.0.0.8, 10.0.0.7', '10.0.0.8'],
]

test('behind trusted proxies is the last entry that is not one of them', () => {
  const addressOf = clientAddress(['10.0.0.0/8', 'fd00::1'])
  for (const [remote, forwarded, is] of cases) {
    assert.is(addressOf(request(remote, forwarded)), is, `${remote} ${forwarded}`)
  }
})

test('has its own allowance if it is IPv4, and that of its /64 if it is IPv6', () => {
  const cases = [
    ['192.0.2.1', '192.0.2.1'],
    ['', ''],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
    ['2001:db8::3:4:5:6', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ] as const
  for (const [address, allowance] of cases) assert.is(allowanceOf(address), allowance, address)
})

test('a network is an address with or without the length of its prefix', () => {
  const networks = ['10.0.0.0/8', '10.0.0.1', '::/0', '2001:db8::/32', '0.0.0.0/32', '::1/128']
  for (const text of networks) assert.ok(isNetwork(text), text)
  const others = [
    '',
    '10.0.0.0/33',
    '::1/129',
    '10.0.0/8',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    'a/8',
    '/8',
  ]
  for (const text of others) assert.not.ok(isNetwork(text), text)
})

test.run()
