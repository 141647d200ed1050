/** Settings as they are in a file: names in snake case, mappings within mappings. */
export type Mapping = Readonly<{ [key: string]: unknown }>

export const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The value at a path, or undefined; what an object inherits is never found. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  const [key, ...rest] = path
  if (key === undefined) return value
  return isMapping(value) && Object.hasOwn(value, key) ? valueAt(value[key], rest) : undefined
}

/** The second wins; mappings merge, lists are replaced, and null leaves what was there. */
export function merge(below: Mapping, above: Mapping): Mapping {
  const merged = new Map(Object.entries(below))
  for (const [key, value] of Object.entries(above)) {
    const former = merged.get(key)
    if (value === null) continue
    merged.set(key, isMapping(value) ? merge(isMapping(former) ? former : {}, value) : value)
  }
  // Not by assignment: a key named __proto__ has to stay a key, to be refused as one.
  return Object.fromEntries(merged)
}
