import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { inNetworks } from '../../runtime/networks.ts'

/**
 * The client of a request: the address of its connection. If that is a trusted proxy, the first
 * entry of X-Forwarded-For from the right that isn't one: a client can forge what is further left.
 */
export function clientAddress(
  trustedProxies: readonly string[],
): (request: IncomingMessage) => string {
  const isTrusted = inNetworks(trustedProxies)
  return (request) => {
    let address = plain(request.socket.remoteAddress ?? '')
    if (trustedProxies.length === 0) return address
    const forwarded = String(request.headers['x-forwarded-for'] ?? '').split(',')
    while (isTrusted(address)) {
      const before = plain(forwarded.pop()?.trim() ?? '')
      if (isIP(before) === 0) break
      address = before
    }
    return address
  }
}

/** Gives an IPv4 address its one form, even if an IPv6 socket accepted the connection. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '')

/** The key of the allowance that an address uses: for IPv6 its /64, as a host has all of it. */
export function allowanceOf(address: string): string {
  if (isIP(address) !== 6) return address
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? []
  const before = groupsOf(head)
  const after = groupsOf(tail ?? '')
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  const groups = [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after]
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}

const groupsOf = (part: string): string[] => (part === '' ? [] : part.split(':'))
