import { TradelogError } from '../../domain/errors.ts'

type FeedAddress = Readonly<{
  /** With the token: for the socket alone. */
  url: string
  /** Without query and user: for logs. */
  shown: string
  /** Takes the secrets of the address out of a text that somebody else wrote. */
  redact: (text: string) => string
}>

/** What is shorter would be found in words, and is no secret. */
const secretCharactersMin = 4

/** Throws `CONFIG_INVALID`, without repeating the address: it may hold a token. */
export function feedAddress(source: string, url: string): FeedAddress {
  const address = URL.canParse(url) ? new URL(url) : undefined
  if (address?.protocol !== 'ws:' && address?.protocol !== 'wss:') {
    throw new TradelogError('CONFIG_INVALID', `${source}.url: must be a ws:// or wss:// address`)
  }
  address.hash = ''
  const secrets = [...address.searchParams.values(), address.password].filter(
    ({ length }) => length >= secretCharactersMin,
  )
  const spellings = secrets.flatMap((secret) => [secret, encodeURIComponent(secret)])
  return {
    url: address.href,
    shown: `${address.protocol}//${address.host}${address.pathname}`,
    redact: (text) => spellings.reduce((clean, secret) => clean.replaceAll(secret, '***'), text),
  }
}
