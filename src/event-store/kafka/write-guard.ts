import { createRequire } from 'node:module'
import type { ISocketFactory } from 'kafkajs'

/** The API number of a request that writes into the log. */
const produce = 0
/** A request is its length (4 bytes), then the number of its API. */
const apiAt = 4

/**
 * Sockets that ask, at the very moment a record batch would leave this process, whether it may
 * still write. Between a permission and that moment lie many turns of the event loop, in which a
 * process can hang for as long as it takes to elect another; and kafkajs sends again what failed.
 * A batch that may not go out ends its connection.
 */
export function guardedSockets(mayWrite: () => boolean): ISocketFactory {
  const open = defaultSocketFactory()
  return (options) => {
    const socket = open(options)
    const write = socket.write.bind(socket)
    const guarded = (chunk: Buffer, encoding: BufferEncoding): boolean => {
      if (!isProduce(chunk) || mayWrite()) return write(chunk, encoding)
      socket.destroy(new Error('this process may not write any more'))
      return false
    }
    return Object.assign(socket, { write: guarded })
  }
}

const isProduce = (chunk: Buffer): boolean =>
  Buffer.isBuffer(chunk) && chunk.length >= apiAt + 2 && chunk.readInt16BE(apiAt) === produce

/** kafkajs has it, and doesn't export it by name. */
const defaultSocketFactory: () => ISocketFactory = createRequire(import.meta.url)(
  'kafkajs/src/network/socketFactory',
)
