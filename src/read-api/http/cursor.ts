import { TradelogError } from '../../domain/errors.ts'
import { encodeKey, type Key } from '../../read-model-store/key.ts'

const unixMs = /^[0-9]{1,15}$/
const numbersOfKey = /^(?:[a-p][0-9]{1,16})+$/

/**
 * The first `limit` items, and the cursor of the page that follows: null unless there is one item
 * more. `keyOf` gives the key at which an item ends.
 */
export function pageOf<T>(items: readonly T[], limit: number, keyOf: (item: T) => Key) {
  const page = items.slice(0, limit)
  const last = items.length > limit ? page.at(-1) : undefined
  return {
    page,
    pagination: { next_cursor: last === undefined ? null : encodeCursor(keyOf(last)) },
  }
}

/** A page's end as opaque text: the key of its last row. The next page begins behind it. */
export const encodeCursor = (key: Key): string => Buffer.from(key, 'utf8').toString('base64url')

/**
 * What `before` excludes: the numbers of a row's key behind `texts`, either all `count` of them (a
 * cursor) or the first alone (Unix ms). Rejects a cursor that wasn't made for these very rows.
 */
export function parseBefore(
  before: string,
  { texts, count }: { texts: readonly string[]; count: number },
): readonly number[] {
  // No cursor is all digits: a group of three bytes that starts with an ASCII one starts with a
  // letter in base64, and every key ends in ASCII.
  if (unixMs.test(before)) return [Number(before)]
  const key = Buffer.from(before, 'base64url').toString('utf8')
  const numbers = numbersBehind(encodeKey(texts), key)
  if (numbers?.length === count && isCursorOf([...texts, ...numbers], before)) return numbers
  throw new TradelogError('INVALID_CURSOR', 'before is a cursor, but not one of these rows')
}

function numbersBehind(prefix: string, key: Key): number[] | undefined {
  const rest = key.slice(prefix.length)
  if (!key.startsWith(prefix) || !numbersOfKey.test(rest)) return undefined
  return rest.split(/[a-p]/).slice(1).map(Number)
}

/** Only the one text that we'd have given: Buffer passes over what isn't base64. */
const isCursorOf = (parts: readonly (string | number)[], cursor: string): boolean =>
  encodeCursor(encodeKey(parts)) === cursor
