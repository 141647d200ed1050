/** A seeded generator (mulberry32): the same seed gives the same numbers, from 0 up to 1. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** `TRADELOG_SEED`, or one of the clock; tests print it when they fail. */
export const testSeed = Number(process.env.TRADELOG_SEED ?? Date.now() % 1_000_000)

/** `TRADELOG_FAULT_ROUNDS`: how often a fault test repeats itself; 2 by default. */
export const faultRounds = Number(process.env.TRADELOG_FAULT_ROUNDS ?? 2)
