import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { BSON } from 'mongodb'

/** A command on its way to the server: `insert` into `tradelog_leases`. */
export type Command = Readonly<{ name: string; collection: string }>

/** What happens to a command; losing it or its answer breaks the connection. */
export type Verdict = 'pass' | 'lose command' | 'lose answer'

type MongodbProxy = Readonly<{ url: string; close: () => Promise<void> }>

const headerBytes = 16
const messageOpcode = 2013
/** The body begins after the header, four bytes of flags and one for the kind of its section. */
const bodyAt = headerBytes + 5

/** A proxy for one server that asks about each command; the server gets it after the verdict. */
export async function mongodbProxy(
  url: string,
  judge: (command: Command) => Promise<Verdict>,
): Promise<MongodbProxy> {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    }
    relay(client, upstream, judge)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const proxied = new URL(url)
  proxied.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  proxied.searchParams.set('directConnection', 'true')
  // The driver would wait half a second before it reconnects.
  proxied.searchParams.set('minHeartbeatFrequencyMS', '10')
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  }
  return { url: proxied.href, close }
}

function relay(
  client: Socket,
  upstream: Socket,
  judge: (command: Command) => Promise<Verdict>,
): void {
  let answers = true
  let turn = Promise.resolve()
  const cut = () => {
    client.destroy()
    upstream.destroy()
  }
  const forward = async (message: Buffer) => {
    const command = commandOf(message)
    const verdict = command === undefined ? 'pass' : await judge(command)
    if (verdict === 'lose command') return cut()
    answers = verdict === 'pass'
    upstream.write(message)
  }
  client.on(
    'data',
    inMessages((message) => {
      turn = turn.then(() => forward(message)).catch(cut)
    }),
  )
  upstream.on('data', (chunk) => (answers ? client.write(chunk) : cut()))
  for (const socket of [client, upstream]) socket.on('error', cut).on('close', cut)
}

/** A stream's chunks, cut into whole messages: each begins with its length. */
function inMessages(take: (message: Buffer) => void) {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= headerBytes && rest.length >= rest.readInt32LE(0)) {
      const length = rest.readInt32LE(0)
      take(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
  }
}

function commandOf(message: Buffer): Command | undefined {
  if (message.readInt32LE(12) !== messageOpcode) return undefined
  const body = message.subarray(bodyAt, bodyAt + message.readInt32LE(bodyAt))
  const [[name, collection] = ['', '']] = Object.entries(BSON.deserialize(body))
  return { name, collection: String(collection) }
}
