import { TradelogError } from '../../domain/errors.ts'
import { encodeKey, type Key } from '../../read-model-store/key.ts'

const unixMs = /^[0-9]{1,15}$/
const numbersOfKey = /^(?:[a-p][0-9]{1,16})+$/

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
 * cursor, only the first if it is Unix ms. Throws `INVALID_CURSOR` if it is a cursor of other rows.
 */
export function parseBefore(
  before: string,
  { texts, count }: { texts: readonly string[]; count: number },
): readonly number[] {
  // A cursor is never all digits: in base64, three bytes of which the first is ASCII start with a
  // letter, and every key ends in ASCII.
  if (unixMs.test(before)) return [Number(before)]
  const key = Buffer.from(before, 'base64url').toString('utf8')
  const numbers = numbersAfter(encodeKey(texts), key)
  if (numbers?.length === count && isCursorOf([...texts, ...numbers], before)) return numbers
  throw new TradelogError(
    'INVALID_CURSOR',
    'before is a cursor of other rows; use the next_cursor of these',
  )
}

function numbersAfter(prefix: string, key: Key): number[] | undefined {
  const rest = key.slice(prefix.length)
  if (!key.startsWith(prefix) || !numbersOfKey.test(rest)) return undefined
  return rest.split(/[a-p]/).slice(1).map(Number)
}

/** Whether it is the very text that `encodeCursor` makes: Buffer ignores what isn't base64. */
const isCursorOf = (parts: readonly (string | number)[], cursor: string): boolean =>
  encodeCursor(encodeKey(parts)) === cursor
