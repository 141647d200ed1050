import { createReadStream } from 'node:fs'
import { readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../runtime/system-code.ts'
import { lineBytesMax, parsedLine, type RejectLine } from './line.ts'

/** The file that ingest writes; the full ones before it are `rejects.1.jsonl`, and so on. */
export const rejectFile = 'rejects.jsonl'

/** The folder of files that are taken out of the reject log, to be judged again. */
export const takenFolder = (directory: string): string => join(directory, 'rejects.taken')

/** The first word of a file's name. */
export type FileKind = 'rejects' | 'refused' | 'trades'

export const numberedFile = (kind: FileKind, number: number): string => `${kind}.${number}.jsonl`

/** The numbered files of a folder in their order. */
export async function numberedFiles(
  directory: string,
  kind: FileKind,
): Promise<readonly Readonly<{ path: string; number: number }>[]> {
  const pattern = new RegExp(`^${kind}\\.([0-9]{1,15})\\.jsonl$`)
  return (await namesIn(directory))
    .flatMap((name) => {
      const [, number] = pattern.exec(name) ?? []
      return number === undefined ? [] : [{ path: join(directory, name), number: Number(number) }]
    })
    .sort((a, b) => a.number - b.number)
}

/** The files of the reject log, oldest first. */
export async function rejectFiles(directory: string): Promise<readonly string[]> {
  const full = await numberedFiles(directory, 'rejects')
  const isThere = (await namesIn(directory)).includes(rejectFile)
  return [...full.map(({ path }) => path), ...(isThere ? [join(directory, rejectFile)] : [])]
}

/** Makes it the newest of the numbered files of a folder. */
export async function moveBehind(path: string, directory: string): Promise<void> {
  const newest = (await numberedFiles(directory, 'rejects')).at(-1)?.number ?? 0
  await rename(path, join(directory, numberedFile('rejects', newest + 1)))
}

/** A line of a file; `line` is undefined if it can't be read. */
export type ReadLine = Readonly<{ bytes: Buffer; line: RejectLine | undefined }>

/** The lines of a reject file, some at a time, damaged ones as well. */
export async function* readLines(path: string): AsyncGenerator<readonly ReadLine[]> {
  for await (const lines of bytesOfLines(path)) {
    const filled = lines.filter(({ length }) => length > 0)
    yield filled.map((bytes) => ({ bytes, line: parsedLine(bytes) }))
  }
}

const chunkBytes = 1024 * 1024
const lineFeed = 10

/** Without their line feeds. Of a line that is too long for a reject only the beginning counts. */
async function* bytesOfLines(path: string): AsyncGenerator<readonly Buffer[]> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes })) {
    const bytes = Buffer.concat([rest, chunk])
    const lines: Buffer[] = []
    let from = 0
    for (let to = bytes.indexOf(lineFeed); to >= 0; to = bytes.indexOf(lineFeed, from)) {
      lines.push(bytes.subarray(from, to))
      from = to + 1
    }
    rest = bytes.subarray(from, from + lineBytesMax + 1)
    yield lines
  }
  yield [rest]
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}
