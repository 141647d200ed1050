import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { invalidFile, readFailure } from './invalid.ts'
import { refuseOtherFormats } from './other-formats.ts'

/** Changes when the file is written to. Refuses what is no file, since it is read several times. */
export async function stateOf(path: string): Promise<string> {
  const state = await stat(path).catch((cause: unknown) => {
    throw invalidFile(path, readFailure(cause), { cause })
  })
  if (state.isDirectory()) throw invalidFile(path, 'it is a directory: name a file in it')
  if (!state.isFile()) {
    throw invalidFile(path, 'it is a device, a pipe or a socket: write what it gives to a file')
  }
  return `${state.size} bytes of ${state.mtimeMs}`
}

/** What the file holds, unpacked if it is gzip. Throws if that can't be text. */
export async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  const isPacked = await isGzip(path)
  const file = createReadStream(path)
  let isFirst = true
  // Errors of either stream come out of the last one, which is being iterated.
  for await (const chunk of isPacked ? pipeline(file, createGunzip(), () => {}) : file) {
    if (isFirst) refuseOtherFormats(chunk, path)
    isFirst = false
    yield chunk
  }
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer.readUInt16BE() === 0x1f8b
  } finally {
    await file.close()
  }
}
