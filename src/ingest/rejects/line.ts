import { isUtf8 } from 'node:buffer'
import type { UnixMs } from '../../domain/time.ts'
import type { Reject } from '../feed.ts'

/** A reject as its line keeps it. */
export type KeptReject = Readonly<{
  /** The time by ingest's clock, in ISO 8601. */
  at: string
  /** The feed that sent it; lines of older versions don't say it. */
  source?: string
  reason: string
  text: string
  /** Bytes of the whole text, if `text` is only its beginning. */
  wholeBytes?: number
}>

/** So many rejects were counted, but aren't kept. */
type NotKept = Readonly<{ at?: string; notKept: number }>

export type RejectLine = KeptReject | NotKept

/** Every message that ingest parses has fewer: it is kept whole, and each of its entries. */
export const textCharactersMax = 1024 * 1024

/** JSON needs at most six bytes for a character of the text. */
export const lineBytesMax = 8 * textCharactersMax

export type Origin = Readonly<{ source: string; at: UnixMs }>

export function rejectLine({ reason, text }: Reject, { source, at }: Origin): string {
  const begin = { at: isoOf(at), source, reason }
  if (text.length <= textCharactersMax) return lineOf({ ...begin, text })
  return lineOf({ ...begin, text: beginningOf(text), wholeBytes: Buffer.byteLength(text) })
}

export const notKeptLine = (notKept: number, at: UnixMs): string =>
  lineOf({ at: isoOf(at), notKept })

export const lineOf = (line: RejectLine): string => `${JSON.stringify(line)}\n`

/** Undefined if it can't be read: ingest may have died in the middle of it. */
export function parsedLine(bytes: Buffer): RejectLine | undefined {
  if (bytes.length > lineBytesMax || !isUtf8(bytes)) return undefined
  try {
    const line: unknown = JSON.parse(bytes.toString())
    return isRejectLine(line) ? line : undefined
  } catch {
    return undefined
  }
}

function isRejectLine(line: unknown): line is RejectLine {
  if (typeof line !== 'object' || line === null) return false
  const { at, source, reason, text, wholeBytes, notKept } = line as Record<string, unknown>
  if (notKept !== undefined) return isCount(notKept) && isTextOrAbsent(at)
  return (
    [at, reason, text].every((field) => typeof field === 'string') &&
    isTextOrAbsent(source) &&
    (wholeBytes === undefined || isCount(wholeBytes))
  )
}

const isTextOrAbsent = (value: unknown) => value === undefined || typeof value === 'string'

const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) > 0

/** Ends before a surrogate pair that would be cut. */
const beginningOf = (text: string): string =>
  text.slice(0, textCharactersMax).replace(/[\ud800-\udbff]$/, '')

const isoOf = (at: UnixMs): string => new Date(at).toISOString()
