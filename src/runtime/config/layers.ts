import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseDocument } from 'yaml'
import { pathFault } from '../files/path-fault.ts'
import { invalid, pathText } from './invalid.ts'
import { isMapping, type Mapping, merge } from './mapping.ts'
import { nearest } from './nearest.ts'
import { notASetting, settingPaths } from './schema.ts'

/** The settings of a YAML file; an empty file has none, and null means not set. */
export function fileLayer(file: string | URL): Mapping {
  const settings = parsed(read(file), String(file)) ?? {}
  if (!isMapping(settings)) throw invalid(`${file}: must be a mapping of settings`)
  return merge({}, settings)
}

function read(file: string | URL): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const path = typeof file === 'string' ? file : fileURLToPath(file)
    throw invalid(`cannot read the settings: ${pathFault(path, 'read', error) ?? error}`, error)
  }
}

/** The parser's own messages quote the file, and so its secrets: only their code and line go on. */
function parsed(text: string, file: string): unknown {
  const document = parseDocument(text, { logLevel: 'error', resolveKnownTags: false })
  const [fault] = [...document.errors, ...document.warnings]
  if (fault !== undefined) {
    const line = fault.linePos?.[0].line
    throw invalid(`${file}: is not plain YAML (${fault.code}${line ? ` in line ${line}` : ''})`)
  }
  try {
    // An alias can make a mapping contain itself.
    return document.toJS({ maxAliasCount: 0 })
  } catch {
    throw invalid(`${file}: is not plain YAML (it has an alias)`)
  }
}

const prefix = 'TRADELOG_'
/** Variables of the tests, which are no settings. */
const notSettings = /^TRADELOG_(TEST_.*|CRASH_.*|SEED|FAULT_ROUNDS)$/

/** The settings given by variables `TRADELOG_A__B`; an empty one counts as not set. */
export function environmentLayer(
  environment: Readonly<Record<string, string | undefined>>,
): Mapping {
  const paths = new Map(settingPaths().map((path) => [variableOf(path), path]))
  return Object.entries(environment)
    .filter(([name]) => name.startsWith(prefix) && !notSettings.test(name))
    .map(([name, value]) => {
      const path = paths.get(name)
      if (path === undefined) {
        throw invalid(notASetting(pathText([name]), nearest(name, [...paths.keys()])))
      }
      return value ? nested(path, value) : {}
    })
    .reduce(merge, {})
}

const variableOf = (path: readonly string[]): string => prefix + path.join('__').toUpperCase()

const nested = ([name = '', ...rest]: readonly string[], value: string): Mapping => ({
  [name]: rest.length === 0 ? value : nested(rest, value),
})
