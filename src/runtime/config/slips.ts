import { isIPv6 } from 'node:net'
import { invalid, pathText } from './invalid.ts'
import { isMapping } from './mapping.ts'
import { childOf, rootSchema, type Schema } from './schema.ts'

/**
 * Refuses what a shell, an env file or YAML has made part of a text by mistake: quotes, brackets,
 * blanks at an end. Taking them off would change texts that are meant so.
 */
export function refuseSlips(
  value: unknown,
  schema: Schema = rootSchema,
  path: readonly string[] = [],
): void {
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries())
      refuseSlips(item, childOf(schema, ''), [...path, `${i}`])
  } else if (isMapping(value)) {
    for (const [name, inner] of Object.entries(value)) {
      refuseSlips(inner, childOf(schema, name), [...path, name])
    }
  } else if (typeof value === 'string') {
    const slip = slipOf(value, schema)
    if (slip !== undefined) throw invalid(`${pathText(path)} ${slip}`)
    if (isList(schema)) refuseSlips(listOf(value), schema, path)
  }
}

/** A setting that takes a text or a list is a list only with commas: see `listOf`. */
export const isList = ({ type }: Schema): boolean => [type].flat().includes('array')

/** A list in one text; blanks around its commas are not part of an item. */
export const listOf = (text: string): readonly string[] =>
  text.split(',').map((item) => item.trim())

/** What is wrong, and what to write instead, without the text: it may be a secret. */
function slipOf(text: string, schema: Schema): string | undefined {
  if (schema.$ref === '#/$defs/password') {
    return /[\r\n]$/.test(text) ? 'ends in a line break: write it without' : undefined
  }
  const blank = endWith(blanks, text)
  if (blank !== undefined) return `has a blank or line break at its ${blank}: write it without`
  const quote = endWith(quotes, text)
  if (quote !== undefined) {
    return `has a quote at its ${quote}, which would be part of it: write it without quotes`
  }
  if (isList(schema) && /^\[.*\]$/s.test(text) && !isIPv6(text.slice(1, -1))) {
    return 'is in brackets: write a list in one text as A,B, without brackets'
  }
  if (schema.format === 'symbol') return symbolSlipOf(text)
  return /\p{Cc}/u.test(text) ? 'has a control character: write it without' : undefined
}

const blanks = String.raw`\s`
const quotes = '["\'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb]'
const brackets = String.raw`[[\]{}]`

function endWith(characters: string, text: string): 'beginning' | 'end' | undefined {
  if (new RegExp(`^${characters}`, 'u').test(text)) return 'beginning'
  return new RegExp(`${characters}$`, 'u').test(text) ? 'end' : undefined
}

/** An exchange may have blanks in its name (`IC MARKETS:1`); its instruments have none. */
function symbolSlipOf(text: string): string | undefined {
  const bracket = endWith(brackets, text)
  if (bracket !== undefined) {
    return `has a bracket at its ${bracket}: write symbols in one text as AAPL,TSLA`
  }
  const colon = text.indexOf(':')
  return /,/.test(text) || / |;/.test(text.slice(colon + 1))
    ? 'looks like several symbols: separate them by commas (AAPL,TSLA), or as items of a list'
    : undefined
}
