export const symbolBytesMax = 128

/** C0, DEL and C1 controls, and halves of a surrogate pair, which UTF-8 can't write. */
const unwritable = /[\p{Cc}\p{Cs}]/u

/** The name of an instrument: 1–128 bytes of UTF-8 without control characters. */
export const isSymbol = (value: unknown): value is string =>
  typeof value === 'string' &&
  value !== '' &&
  Buffer.byteLength(value) <= symbolBytesMax &&
  !unwritable.test(value)
