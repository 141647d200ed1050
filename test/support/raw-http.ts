import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'

type RawAnswer = Readonly<{ status: number; head: string; body: string }>

/** Connects to a port of this machine, as a client without the limits of a library. */
export async function rawConnection(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

/** Sends raw bytes; returns the answer until the server closes, undefined if nothing came. */
export async function rawRequest(port: number, bytes: string): Promise<RawAnswer | undefined> {
  const socket = await rawConnection(port)
  socket.write(bytes, 'latin1')
  const answer = await text(socket)
  socket.destroy()
  if (answer === '') return undefined
  const [head = '', ...rest] = answer.split('\r\n\r\n')
  return { status: Number(head.split(' ')[1]), head, body: rest.join('\r\n\r\n') }
}
