import { readFileSync } from 'node:fs'
import { Ajv, type ErrorObject } from 'ajv'
import { isSymbol } from '../../domain/symbol.ts'
import { isNetwork } from '../networks.ts'
import { invalid, pathText } from './invalid.ts'
import type { Mapping } from './mapping.ts'
import { nearest } from './nearest.ts'

/** What is read of `config/schema.json` besides the check; `description` says what is allowed. */
export type Schema = Readonly<{
  type?: string | readonly string[]
  description?: string
  format?: string
  properties?: Readonly<Record<string, Schema>>
  enum?: readonly unknown[]
  items?: Schema
  $ref?: string
  $defs?: Readonly<Record<string, Schema>>
}>

const schemaUrl = new URL('../../../../config/schema.json', import.meta.url)

export const rootSchema: Schema = JSON.parse(readFileSync(schemaUrl, 'utf8'))

const ajv = new Ajv({ allowUnionTypes: true, formats: { symbol: isSymbol, network: isNetwork } })
const isValid = ajv.compile(rootSchema)

/** Throws CONFIG_INVALID for the first key or value that the schema does not allow. */
export function check(settings: Mapping): void {
  if (isValid(settings)) return
  const [error] = isValid.errors ?? []
  throw invalid(error === undefined ? 'the settings are invalid' : describe(error))
}

function describe({ instancePath, keyword, params }: ErrorObject): string {
  const path = instancePath.split('/').slice(1)
  if (keyword === 'additionalProperties') return unknownKey([...path, params.additionalProperty])
  if (keyword === 'uniqueItems' && params.i !== undefined) {
    const [first, second] = [params.j, params.i].map(Number).sort((a, b) => a - b)
    const [one, other] = [first, second].map((item) => pathText([...path, `${item}`]))
    return `${other} is the same as ${one}: name each once`
  }
  return `${pathText(path)} must be ${schemaAt(path).description}`
}

function unknownKey(path: readonly string[]): string {
  const parent = path.slice(0, -1)
  const name = path.at(-1) ?? ''
  const near = nearest(name, Object.keys(schemaAt(parent).properties ?? {}))
  const elsewhere = settingPaths().find((known) => known.at(-1) === name)
  const meant = near === undefined ? elsewhere : [...parent, near]
  return notASetting(pathText(path), meant && pathText(meant))
}

/** `name` and `meant` are paths or variables. */
export const notASetting = (name: string, meant: string | undefined): string =>
  meant === undefined
    ? `${name} is no setting; config/default.yaml has them all`
    : `${name} is no setting; did you mean ${meant}?`

const schemaAt = (path: readonly string[]): Schema =>
  path.reduce((schema, name) => childOf(schema, name) ?? {}, rootSchema)

/** The schema of a key or an item, its `$ref` resolved; undefined for an unknown key. */
export function childOf({ properties, items }: Schema, name: string): Schema | undefined {
  if (items !== undefined) return resolved(items)
  return properties && Object.hasOwn(properties, name) ? resolved(properties[name]) : undefined
}

function resolved(schema: Schema = {}): Schema {
  const name = schema.$ref?.replace('#/$defs/', '')
  return name === undefined ? schema : { ...rootSchema.$defs?.[name], ...schema }
}

/** The path of every setting, sections left out. */
export const settingPaths = (schema: Schema = rootSchema): readonly (readonly string[])[] =>
  Object.keys(schema.properties ?? {}).flatMap((name) => {
    const child = childOf(schema, name) ?? {}
    if (child.properties === undefined) return [[name]]
    return settingPaths(child).map((path) => [name, ...path])
  })
