import { TradelogError } from '../domain/errors.ts'
import { keptEvent, keyOfEvent, type RawRecord } from '../domain/recorded-event.ts'
import { pathFault } from '../runtime/files/path-fault.ts'
import { linesOf } from '../runtime/lines.ts'

/**
 * A log as text begins with this line. Then comes a record a line, in order within a partition:
 * `{"partition":0,"offset":5,"recordedAt":1763645583544,"event":{…}}`. A record whose value isn't
 * such JSON has `key` and `text` instead of `event`.
 */
export const headerLine = (partitions: number): string =>
  `${JSON.stringify({ type: headerType, version: 1, partitions })}\n`

const headerType = 'TradelogLog'

/** How many partitions the log has; undefined if the line is no such header. */
export function partitionsOfHeader(line: string): number | undefined {
  const { type, version, partitions } = parsed(line)
  const isHeader = type === headerType && version === 1 && isCount(partitions)
  return isHeader ? Number(partitions) : undefined
}

export function recordLine(record: RawRecord): string {
  const { partition, offset, recordedAt, key, value } = record
  const begin = `{"partition":${partition},"offset":${offset},"recordedAt":${recordedAt},`
  if ('event' in keptEvent(record)) return `${begin}"event":${value}}\n`
  return `${begin}"key":${JSON.stringify(key)},"text":${JSON.stringify(value)}}\n`
}

/** Undefined if the line is no record. */
export function recordOfLine(line: string): RawRecord | undefined {
  const { partition, offset, recordedAt, event, key, text } = parsed(line)
  const isPosition = isCount(partition) && isCount(offset) && Number.isSafeInteger(recordedAt)
  if (!isPosition) return undefined
  const begin = { partition, offset, recordedAt: Number(recordedAt) }
  if (event !== undefined) return { ...begin, key: keyOfEvent(event), value: JSON.stringify(event) }
  return isTextOrNull(key) && isTextOrNull(text) ? { ...begin, key, value: text } : undefined
}

/**
 * The lines of a file; `onRest` gets a last line without a line feed. Throws `COPY_REFUSED` if the
 * file can't be read or is no text.
 */
export async function* fileLines(
  chunks: AsyncIterable<Buffer>,
  path: string,
  onRest: (rest: string) => void = () => {},
): AsyncGenerator<readonly string[]> {
  const tooLong = 'it has a line that is too long'
  try {
    yield* linesOf(chunks, { charactersMax: lineCharactersMax, tooLong, onRest })
  } catch (cause) {
    if (cause instanceof TradelogError) throw cause
    const fault = pathFault(path, 'read', cause)
    if (fault !== undefined) throw new TradelogError('COPY_REFUSED', fault, { cause })
    const isGzip = /^Z_/.test(String((cause as NodeJS.ErrnoException).code))
    const why = cause instanceof Error ? cause.message : String(cause)
    throw refusedFile(path, isGzip ? 'its gzip is damaged or cut' : why, cause)
  }
}

export const refusedFile = (path: string, why: string, cause?: unknown) =>
  new TradelogError('COPY_REFUSED', `${path} is not a whole copy of a log: ${why}`, {
    cause,
    fields: { path },
  })

const lineCharactersMax = 16 * 1024 * 1024

function parsed(line: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(line) ?? {}
  } catch {
    return {}
  }
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

const isTextOrNull = (value: unknown): value is string | null =>
  value === null || typeof value === 'string'
