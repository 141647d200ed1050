import fc from 'fast-check'
import type { KeyPart } from '../../src/read-model-store/key.ts'

/** Any symbol that ingest accepts: 1 to 128 bytes of well-formed UTF-8, no control characters. */
export const symbolText: fc.Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 128 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 64 }),
    fc.string({ unit: fc.constantFrom('A', 'B', ' ', '😀'), minLength: 1, maxLength: 128 }),
    fc.constantFrom('A', 'AA', '__proto__', 'constructor', '\uffee', '😀', 'X'.repeat(128)),
  )
  .filter((text) => !/\p{Cc}/u.test(text) && Buffer.byteLength(text) <= 128)

/** Texts, then whole numbers: the parts of a row's key. */
export const keyParts: fc.Arbitrary<KeyPart[]> = fc
  .tuple(
    fc.array(symbolText, { minLength: 1, maxLength: 3 }),
    fc.array(fc.maxSafeNat(), { maxLength: 4 }),
  )
  .map(([texts, numbers]) => [...texts, ...numbers])
