import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { certificate, certificateKey } from './certificate.ts'

export type LoginBroker = Readonly<{
  /** As `kafka.broker_url` has it. */
  broker: string
  /** What clients logged in with, over TLS. */
  logins: readonly Readonly<{ mechanism: string; credentials: string }>[]
  close: () => void
}>

const apiVersions = 18
const saslHandshake = 17
const saslAuthenticate = 36
const saslAuthenticationFailed = 58

/** The part of a broker that a client needs to log in; it refuses every login. */
export async function loginBroker(): Promise<LoginBroker> {
  const logins: { mechanism: string; credentials: string }[] = []
  const server = createServer({ cert: certificate, key: certificateKey }, (socket) => {
    let mechanism = ''
    socket.on('error', () => {})
    eachRequest(socket, ({ api, body }) => {
      if (api === apiVersions) return versions
      if (api === saslHandshake) {
        mechanism = textIn(body)
        return Buffer.concat([int16(0), int32(1), text(mechanism)])
      }
      const credentials = body.subarray(4).toString().replaceAll('\0', ' ').trim()
      logins.push({ mechanism, credentials })
      const refusal = [int16(saslAuthenticationFailed), text('no such user'), int32(0)]
      return Buffer.concat([...refusal, int32(0), int32(0)])
    })
  })
  server.on('tlsClientError', () => {})
  server.listen(0, 'localhost')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { broker: `localhost:${port}`, logins, close: () => void server.close() }
}

type Request = Readonly<{ api: number; body: Buffer }>

/** Frames are a length, then api, version, correlation id and client id, then the body. */
function eachRequest(socket: TLSSocket, answer: (request: Request) => Buffer) {
  let rest = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE()) {
      const frame = rest.subarray(4, 4 + rest.readInt32BE())
      rest = rest.subarray(4 + frame.length)
      const bodyAt = 10 + Math.max(0, frame.readInt16BE(8))
      const body = answer({ api: frame.readInt16BE(), body: frame.subarray(bodyAt) })
      socket.write(Buffer.concat([int32(4 + body.length), frame.subarray(4, 8), body]))
    }
  })
}

function int16(value: number) {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number) {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const text = (value: string) => Buffer.concat([int16(value.length), Buffer.from(value)])
const textIn = (body: Buffer) => body.subarray(2, 2 + body.readInt16BE()).toString()

const versions = Buffer.concat([
  int16(0),
  int32(3),
  ...[apiVersions, saslHandshake, saslAuthenticate].flatMap((api) => [
    int16(api),
    int16(0),
    int16(1),
  ]),
  int32(0),
])
