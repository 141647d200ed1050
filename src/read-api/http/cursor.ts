import { TradelogError } from '../../domain/errors.ts'
import type { UnixMs } from '../../domain/time.ts'
import { encodeKey, type Key } from '../../read-model-store/key.ts'

const digits = /^[0-9]+$/
/** Ingest refuses trades that are older. */
const earliestMs: UnixMs = Date.UTC(2000, 0, 1)
const digitsMax = 15
const numbersOfKey = /^(?:[a-p][0-9]{1,16})+$/
const textEnd = encodeKey([''])

/**
 * The first `limit` items, and the cursor of the next page: null if there are no more items.
 * `keyOf` gives the key at which an item ends.
 */
export function pageOf<T>(items: readonly T[], limit: number, keyOf: (item: T) => Key) {
  const page = items.slice(0, limit)
  const last = items.length > limit ? page.at(-1) : undefined
  return {
    page,
    pagination: { next_cursor: last === undefined ? null : encodeCursor(keyOf(last)) },
  }
}

/** A page's end as opaque text: the key of its last row. The next page begins after it. */
export const encodeCursor = (key: Key): string => Buffer.from(key, 'utf8').toString('base64url')

/**
 * The numbers after `texts` in the key that `before` stands for: all `count` of them if it is a
 * cursor, only the first if it is Unix ms. Throws `INVALID_CURSOR` if it is a cursor of other rows,
 * or a time in another unit: its page would be empty, and look like the end of the data.
 */
export function parseBefore(
  before: string,
  { texts, count }: { texts: readonly string[]; count: number },
): readonly number[] {
  // A cursor is never all digits: in base64, three bytes of which the first is ASCII start with a
  // letter, and every key ends in ASCII.
  if (digits.test(before)) return [unixMsOf(before)]
  const key = Buffer.from(before, 'base64url').toString('utf8')
  const numbers = numbersAfter(encodeKey(texts), key)
  if (numbers?.length === count && isCursorOf([...texts, ...numbers], before)) return numbers
  throw invalid(isCursor(before, key) ? otherRows : (beforeFault(before) ?? beforeRule))
}

const invalid = (fault: string) => new TradelogError('INVALID_CURSOR', `before ${fault}`)

export const beforeRule = 'must be the next_cursor of an answer, or Unix milliseconds in digits'
const otherRows = 'is a cursor of other rows; use the next_cursor of these'

function unixMsOf(before: string): UnixMs {
  const value = Number(before)
  if (before.length <= digitsMax && value >= earliestMs) return value
  throw invalid(beforeFault(before) ?? beforeRule)
}

/** What a text that is no time and no cursor was meant to be, and what to write instead. */
export function beforeFault(before: string): string | undefined {
  if (digits.test(before)) {
    const unit = unitOf(before)
    const fault =
      unit === undefined ? 'is no time from the year 2000 on' : `looks like Unix ${unit}`
    return `${fault}: give it in Unix milliseconds`
  }
  if (/^[0-9]{4}-[0-9]{2}/.test(before)) return 'looks like a date: give it in Unix milliseconds'
  if (before.trim() === '' || !Number.isFinite(Number(before))) return undefined
  return 'looks like a number: give Unix milliseconds in digits alone, without sign or point'
}

/** By the number of digits that a time of our days has in it. */
function unitOf(time: string): string | undefined {
  if (time.length <= 11) return Number(time) * 1_000 >= earliestMs ? 'seconds' : undefined
  if (time.length <= digitsMax) return undefined
  if (time.length <= 17) return 'microseconds'
  return time.length === 19 ? 'nanoseconds' : undefined
}

/** Whether it is a cursor of any rows: texts, then numbers. */
function isCursor(before: string, key: Key): boolean {
  const textsEnd = key.lastIndexOf(textEnd)
  return textsEnd > 0 && numbersOfKey.test(key.slice(textsEnd + 1)) && encodeCursor(key) === before
}

function numbersAfter(prefix: string, key: Key): number[] | undefined {
  const rest = key.slice(prefix.length)
  if (!key.startsWith(prefix) || !numbersOfKey.test(rest)) return undefined
  return rest.split(/[a-p]/).slice(1).map(Number)
}

/** Whether it is the very text that `encodeCursor` makes: Buffer ignores what isn't base64. */
const isCursorOf = (parts: readonly (string | number)[], cursor: string): boolean =>
  encodeCursor(encodeKey(parts)) === cursor
