import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'

const lineCharactersMax = 1024 * 1024

/**
 * The lines of a UTF-8 file, gzip or plain, as they are read; only one chunk is in memory. Throws
 * where the file can't be read, isn't UTF-8, or has a line of over a million characters.
 */
export async function* linesOf(path: string): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  for await (const bytes of await bytesOf(path)) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > lineCharactersMax) throw new Error('a line is too long')
    yield lines.map(withoutReturn)
  }
  rest += decoder.decode()
  if (rest !== '') yield [withoutReturn(rest)]
}

async function bytesOf(path: string): Promise<AsyncIterable<Buffer>> {
  const gzipped = await isGzip(path)
  const file = createReadStream(path)
  // Errors of either stream come out of the last one, which is being iterated.
  return gzipped ? pipeline(file, createGunzip(), () => {}) : file
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

const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line)
