/**
 * Keys of rows: texts whose byte order is the order of their parts, in every store. Texts come
 * first, each ended by U+001F, which no text may contain; whole numbers follow, each after a letter
 * that counts its digits (`a` for one), so that 9 sorts before 10.
 */
export type Key = string
export type KeyPart = string | number

/** The unit separator. LMDB's key encoding keeps the order only of characters from U+0005 on. */
const textEnd = '\u001f'
const afterTextEnd = '\u0020'
/** Sorts after every number that may follow another. */
const afterNumbers = '~'
const digitsBase = 'a'.charCodeAt(0) - 1

/** LMDB takes 1,978 bytes, and a character may have three. */
const lengthMax = 650

/**
 * Texts without control characters, then whole numbers from 0 to 2^53 − 1. Throws if a text
 * contains U+001F, or if the key is too long for one of the stores.
 */
export function encodeKey(parts: readonly KeyPart[]): Key {
  let key = ''
  for (const part of parts) key += typeof part === 'string' ? encodeText(part) : encodeNumber(part)
  if (key.length > lengthMax) throw new RangeError(`a key of ${key.length} characters is too long`)
  return key
}

/** The rest of a key that `encodeKey` can't have made is returned as one text. */
export function decodeKey(key: Key): KeyPart[] {
  const textsEnd = key.lastIndexOf(textEnd) + 1
  const parts: KeyPart[] = textsEnd === 0 ? [] : key.slice(0, textsEnd - 1).split(textEnd)
  for (let at = textsEnd; at < key.length; ) {
    const digits = key.charCodeAt(at) - digitsBase
    if (digits < 1 || digits >= lengthLetters.length) return [...parts, key.slice(at)]
    const end = at + 1 + digits
    parts.push(Number(key.slice(at + 1, end)))
    at = end
  }
  return parts
}

/** Every key that begins with these parts (at least one), as a half-open range. */
export function keysUnder(parts: readonly KeyPart[]): { from: Key; to: Key } {
  const from = encodeKey(parts)
  if (!from.endsWith(textEnd)) return { from, to: from + afterNumbers }
  return { from, to: from.slice(0, -textEnd.length) + afterTextEnd }
}

function encodeText(text: string): string {
  if (text.includes(textEnd)) throw new RangeError(`a text in a key contains U+001F: ${text}`)
  return text + textEnd
}

function encodeNumber(value: number): string {
  const digits = String(value)
  return `${lengthLetters[digits.length]}${digits}`
}

/** By the number of digits; 2^53 − 1 has 16. */
const lengthLetters = Array.from({ length: 17 }, (_, n) => String.fromCharCode(digitsBase + n))
