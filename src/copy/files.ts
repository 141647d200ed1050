import { once } from 'node:events'
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { type FileHandle, open, rename, truncate } from 'node:fs/promises'
import { pipeline, type Writable } from 'node:stream'
import { pipeline as finished } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { TradelogError } from '../domain/errors.ts'
import type { RawRecord } from '../domain/recorded-event.ts'
import { pathFault } from '../runtime/files/path-fault.ts'
import { systemCode } from '../runtime/system-code.ts'
import type { CopySource, CopyTarget } from './copy.ts'
import {
  fileLines,
  headerLine,
  partitionsOfHeader,
  recordLine,
  recordOfLine,
  refusedFile,
} from './lines.ts'

export const isGzipName = (path: string): boolean => path.endsWith('.gz')

/** A file that a copy has written. Rejects with `COPY_REFUSED` if it is another or not complete. */
export async function fileSource(path: string): Promise<CopySource> {
  for await (const [first = ''] of fileLines(bytesOf(path), path)) {
    const partitions = partitionsOfHeader(first)
    if (partitions === undefined) break
    return { partitions, total: null, records: () => recordsOf(path, partitions) }
  }
  throw refusedFile(path, 'it does not begin with the header of one')
}

/**
 * A plain file. A copy continues after its last whole line, because a process that was killed may
 * have cut the last line. Throws `COPY_TARGET_DIFFERS` if the file is something else.
 */
export async function fileTarget(path: string, partitions: number): Promise<CopyTarget> {
  const header = headerLine(partitions)
  let read = 0
  const readOn = async function* () {
    if (!existsSync(path)) return
    let rest = ''
    const lines = fileLines(createReadStream(path, { start: read }), path, (cut) => {
      rest = cut
    })
    for await (const some of lines) {
      const records = read === 0 ? some.slice(1) : some
      if (read === 0 && `${some[0]}\n` !== header) throw isOther(path, partitions)
      read = some.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, read)
      yield records.map((line) => recordOrRefuse(line, path))
    }
    if (read === 0 && !header.startsWith(rest)) throw isOther(path, partitions)
    if (rest !== '') await truncate(path, read).catch(cannotWrite(path))
  }
  let file: FileHandle | undefined
  const append = async (records: readonly RawRecord[]) => {
    file ??= await open(path, 'a')
    const { size } = await file.stat()
    const text = records.map(recordLine).join('')
    if (size === 0 || text !== '') await file.appendFile(size === 0 ? header + text : text)
  }
  const flush = async () => {
    await append([])
    await file?.datasync()
    await file?.close()
  }
  return {
    partitions,
    isReadable: true,
    unread: readOn,
    append: (records) => append(records).catch(cannotWrite(path)),
    flush: () => flush().catch(cannotWrite(path)),
  }
}

/** A compressed file. Until it is complete it is called `….partial`, and each copy restarts it. */
export async function gzipTarget(path: string, partitions: number): Promise<CopyTarget> {
  if (existsSync(path)) {
    throw new TradelogError(
      'COPY_TARGET_DIFFERS',
      `${path} exists, and a compressed copy can't be continued; name another file`,
    )
  }
  const gzip = createGzip()
  const partial = `${path}.partial`
  const file = createWriteStream(partial, { flush: true })
  const written = finished(gzip, file).catch(cannotWrite(partial))
  written.catch(() => {})
  const target = streamTarget(gzip, partitions)
  let isWhole = false
  return {
    ...target,
    isReadable: true,
    append: (records) => Promise.race([target.append(records), written]),
    unread: async function* () {
      if (isWhole) yield* recordsOf(path, partitions)
    },
    flush: async () => {
      await target.flush()
      gzip.end()
      await written
      await rename(partial, path).catch(cannotWrite(path))
      isWhole = true
    },
  }
}

/** A target that can't be read back, such as a pipe. */
export function streamTarget(stream: Writable, partitions: number): CopyTarget {
  let isBegun = false
  const write = async (text: string) => {
    if (!stream.write(isBegun ? text : headerLine(partitions) + text)) await once(stream, 'drain')
    isBegun = true
  }
  return {
    partitions,
    isReadable: false,
    unread: async function* () {},
    append: (records) => write(records.map(recordLine).join('')),
    flush: () => (isBegun ? Promise.resolve() : write('')),
  }
}

async function* recordsOf(path: string, partitions: number): AsyncGenerator<readonly RawRecord[]> {
  const next = new Map<number, number>()
  let isHeader = true
  const lines = fileLines(bytesOf(path), path, () => {
    throw refusedFile(path, 'its last line is cut; run the copy that wrote it again')
  })
  for await (const some of lines) {
    const records = some.slice(isHeader ? 1 : 0).map((line) => recordOrRefuse(line, path))
    isHeader = false
    for (const { partition, offset } of records) {
      if (partition >= partitions || offset < (next.get(partition) ?? 0)) {
        throw refusedFile(path, `partition ${partition}, offset ${offset} is unexpected there`)
      }
      next.set(partition, offset + 1)
    }
    yield records
  }
}

function recordOrRefuse(line: string, path: string): RawRecord {
  const record = recordOfLine(line)
  if (record === undefined) throw refusedFile(path, `it has the invalid line ${line.slice(0, 60)}`)
  return record
}

function bytesOf(path: string): AsyncIterable<Buffer> {
  const file = createReadStream(path)
  // Errors of either stream come out of the last one, which is being iterated.
  return isGzipName(path) ? pipeline(file, createGunzip(), () => {}) : file
}

/** Throws what a person can do something about; room can be made, and the copy run again. */
const cannotWrite = (path: string) => (cause: unknown) => {
  const fault = pathFault(path, 'write', cause)
  if (fault === undefined) throw cause
  const code = isSpaceLeft(cause) ? 'CONFIG_INVALID' : 'EVENT_STORE_FULL'
  throw new TradelogError(code, fault, { cause })
}

const isSpaceLeft = (cause: unknown): boolean => systemCode(cause) !== 'ENOSPC'

const isOther = (path: string, partitions: number) =>
  new TradelogError(
    'COPY_TARGET_DIFFERS',
    `${path} is not a copy of a log of ${partitions} partitions; name another file`,
  )
