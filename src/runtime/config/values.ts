import { isMapping, type Mapping } from './mapping.ts'
import { childOf, rootSchema, type Schema } from './schema.ts'
import { isList, listOf } from './slips.ts'

/**
 * The environment and quoted YAML give everything as text: numbers, booleans, lists by commas and
 * durations (to milliseconds) are read if the schema expects them. What cannot be read stays as
 * it is, for the schema to refuse.
 */
export const normalised = (settings: Mapping): Mapping =>
  mapEntries(settings, (name, value) => [name, normalisedValue(value, childOf(rootSchema, name))])

function normalisedValue(value: unknown, schema: Schema = {}): unknown {
  if (isMapping(value)) {
    return mapEntries(value, (name, inner) => [name, normalisedValue(inner, childOf(schema, name))])
  }
  return typeof value === 'string' ? read(value, schema) : value
}

function read(text: string, schema: Schema): unknown {
  const types = [schema.type].flat()
  // A setting that takes a text or a list is a list only with commas.
  if (isList(schema) && (!types.includes('string') || text.includes(','))) return listOf(text)
  if (types.includes('boolean') && /^(true|false)$/.test(text)) return text === 'true'
  if (types.includes('integer') && /^[0-9]+$/.test(text)) return Number(text)
  return isDuration(schema) ? durationMs(text) : text
}

const isDuration = ({ $ref }: Schema): boolean => $ref?.startsWith('#/$defs/duration') ?? false

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

function durationMs(text: string): number | string {
  const [, amount, unit = ''] = /^([0-9]+)(ms|s|m|h)$/.exec(text) ?? []
  const unitMs = unitsMs[unit]
  return unitMs === undefined ? text : Number(amount) * unitMs
}

/** Checked settings in camel case, durations named `…Ms`, frozen to the leaves. */
export const typed = (settings: Mapping, schema: Schema = rootSchema): Mapping =>
  Object.freeze(
    mapEntries(settings, (name, value) => {
      const child = childOf(schema, name) ?? {}
      const key = camelCase(name) + (isDuration(child) ? 'Ms' : '')
      if (isMapping(value)) return [key, typed(value, child)]
      return [key, Array.isArray(value) ? Object.freeze(value.slice()) : value]
    }),
  )

const camelCase = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

const mapEntries = (
  mapping: Mapping,
  change: (name: string, value: unknown) => readonly [string, unknown],
): Mapping =>
  Object.fromEntries(Object.entries(mapping).map(([name, value]) => change(name, value)))
