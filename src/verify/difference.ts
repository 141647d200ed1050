import { isDeepStrictEqual } from 'node:util'
import { decodeKey, type Key } from '../read-model-store/key.ts'
import type { Row } from '../read-model-store/read-model-store.ts'

/** A row that differs from the log. */
export type Difference = Readonly<{
  key: Key
  /** The row that should be there; null if there should be no row. */
  expected: Row | null
  actual: Row | null
}>

export const sameRow = (a: Row, b: Row): boolean => isDeepStrictEqual(a, b)

/** One line for people: which row, and what is wrong with it. */
export function describeDifference({ key, expected, actual }: Difference): string {
  const name = decodeKey(key).join(' ')
  if (actual === null)
    return `${name}: the row is missing; it should be ${JSON.stringify(expected)}`
  if (expected === null) return `${name}: the log has no such row; it is ${JSON.stringify(actual)}`
  const fields = [...new Set([...Object.keys(expected), ...Object.keys(actual)])]
    .filter((field) => !isDeepStrictEqual(expected[field], actual[field]))
    .map((field) => `${field} is ${shown(actual[field])}, should be ${shown(expected[field])}`)
  return `${name}: ${fields.join('; ')}`
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'absent'
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
