import { TradelogError } from '../domain/errors.ts'
import type { RawRecord } from '../domain/recorded-event.ts'

/**
 * A log as text: a first line that says so, then a record a line, those of a partition in order.
 * `{"partition":0,"offset":5,"recordedAt":1763645583544,"event":{…}}`; a record that isn't such JSON
 * has `key` and `text` instead of `event`.
 */
export const headerLine = (partitions: number): string =>
  `${JSON.stringify({ type: headerType, version: 1, partitions })}\n`

const headerType = 'TradelogLog'

/** How many partitions the log has; undefined where the line is no such header. */
export function partitionsOfHeader(line: string): number | undefined {
  const { type, version, partitions } = parsed(line)
  const isHeader = type === headerType && version === 1 && isCount(partitions)
  return isHeader ? Number(partitions) : undefined
}

export function recordLine({ partition, offset, recordedAt, key, value }: RawRecord): string {
  const place = `{"partition":${partition},"offset":${offset},"recordedAt":${recordedAt},`
  if (value !== null && isKeptByJson(value, key)) return `${place}"event":${value}}\n`
  return `${place}"key":${JSON.stringify(key)},"text":${JSON.stringify(value)}}\n`
}

/** Undefined where the line is no record. */
export function recordOfLine(line: string): RawRecord | undefined {
  const { partition, offset, recordedAt, event, key, text } = parsed(line)
  const isPlace = isCount(partition) && isCount(offset) && Number.isSafeInteger(recordedAt)
  if (!isPlace) return undefined
  const place = { partition, offset, recordedAt: Number(recordedAt) }
  if (event !== undefined) return { ...place, key: symbolOf(event), value: JSON.stringify(event) }
  return isTextOrNull(key) && isTextOrNull(text) ? { ...place, key, value: text } : undefined
}

/**
 * Lines as they are read, without their ends; `onRest` is told of a last one that has no end. Throws
 * `COPY_REFUSED` where the file can't be read or is no text.
 */
export async function* linesOf(
  chunks: AsyncIterable<Buffer>,
  path: string,
  onRest: (rest: string) => void = () => {},
): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  try {
    for await (const chunk of chunks) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > lineCharactersMax) throw new Error('it has a line that is too long')
      if (lines.length > 0) yield lines
    }
  } catch (cause) {
    throw refusedFile(path, cause instanceof Error ? cause.message : String(cause), cause)
  }
  if (rest !== '') onRest(rest)
}

export const refusedFile = (path: string, why: string, cause?: unknown) =>
  new TradelogError('COPY_REFUSED', `${path} is not a whole copy of a log: ${why}`, {
    cause,
    fields: { path },
  })

const lineCharactersMax = 16 * 1024 * 1024

function isKeptByJson(value: string, key: string | null): boolean {
  try {
    const event: unknown = JSON.parse(value)
    return event !== undefined && JSON.stringify(event) === value && symbolOf(event) === key
  } catch {
    return false
  }
}

function symbolOf(event: unknown): string | null {
  const { symbol } = (event ?? {}) as { symbol?: unknown }
  return typeof symbol === 'string' ? symbol : null
}

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
