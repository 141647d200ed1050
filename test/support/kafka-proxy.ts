import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** What happens to an answer: `lose` ends the connection instead, like a broken network. */
export type Fate = 'pass' | 'lose'

type KafkaProxy = Readonly<{
  broker: string
  /** Ends all connections and refuses new ones, until the opposite is called. */
  cut: (isCut: boolean) => void
  close: () => Promise<void>
}>

export const produceApi = 0
export const fetchApi = 1

/**
 * A proxy between a client and one broker. It makes the broker announce the proxy's port as its
 * own. `judge` decides on each answer, by the API number of its request.
 */
export async function kafkaProxy(
  broker: string,
  judge: (api: number) => Fate = () => 'pass',
): Promise<KafkaProxy> {
  const [host = '', port = ''] = broker.split(':')
  const sockets = new Set<Socket>()
  let refusing = false
  const server = createServer((client) => {
    if (refusing) {
      client.destroy()
      return
    }
    const upstream = connect(Number(port), host)
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    relay(client, upstream, judge, announcing(host, Number(port), ownPort()))
  })
  const ownPort = () => (server.address() as AddressInfo).port
  server.listen(0, host)
  await once(server, 'listening')
  const cut = (isCut: boolean) => {
    refusing = isCut
    if (isCut) for (const socket of sockets) socket.destroy()
  }
  return {
    broker: `${host}:${ownPort()}`,
    cut,
    close: async () => {
      cut(true)
      server.close()
      await once(server, 'close')
    },
  }
}

function relay(
  client: Socket,
  upstream: Socket,
  judge: (api: number) => Fate,
  announce: (answer: Buffer) => Buffer,
): void {
  const apis = new Map<number, number>()
  onFrame(client, (frame) => {
    apis.set(frame.readInt32BE(8), frame.readInt16BE(4))
    upstream.write(frame)
  })
  onFrame(upstream, (frame) => {
    const api = apis.get(frame.readInt32BE(4)) ?? -1
    if (judge(api) === 'lose') client.destroy()
    else client.write(api === metadataApi ? announce(frame) : frame)
  })
}

const metadataApi = 3

/** A frame of Kafka's protocol begins with its length, in four bytes. */
function onFrame(socket: Socket, handle: (frame: Buffer) => void): void {
  let rest = Buffer.alloc(0)
  socket.on('data', (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const length = 4 + rest.readInt32BE(0)
      handle(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
  })
}

/** Replaces the broker's port, which follows its host's name, by the proxy's. */
const announcing = (host: string, from: number, to: number) => (answer: Buffer) => {
  const announced = Buffer.concat([Buffer.from(host), Buffer.alloc(4)])
  announced.writeInt32BE(from, host.length)
  const copy = Buffer.from(answer)
  for (let at = copy.indexOf(announced); at >= 0; at = copy.indexOf(announced, at + 1)) {
    copy.writeInt32BE(to, at + host.length)
  }
  return copy
}
