/**
 * The partition of a key, as Kafka's Java client chooses it: murmur2 of the UTF-8 bytes, made
 * positive, modulo the count. Both event stores use it, so a log can move between them.
 */
export const partitionOf = (key: string, partitions: number): number =>
  (murmur2(Buffer.from(key, 'utf8')) & 0x7fffffff) % partitions

const m = 0x5bd1e995
const seed = 0x9747b28c

function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const whole = bytes.length & ~3
  let hash = seed ^ bytes.length
  for (let i = 0; i < whole; i += 4) {
    const mixed = Math.imul(view.getInt32(i, true), m)
    hash = Math.imul(hash, m) ^ Math.imul(mixed ^ (mixed >>> 24), m)
  }
  for (let i = bytes.length - 1; i >= whole; i--) hash ^= (bytes[i] ?? 0) << (8 * (i - whole))
  if (bytes.length > whole) hash = Math.imul(hash, m)
  hash = Math.imul(hash ^ (hash >>> 13), m)
  return hash ^ (hash >>> 15)
}
