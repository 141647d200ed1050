import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { merge } from '../../src/runtime/config/mapping.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const root = resolve(import.meta.dirname, '../../..')

export type Step = Readonly<{ path: string; isNew: boolean; code: string }>

type Recipe = Readonly<{
  /** Each block of code after the name of its file; after `In` and the name if it exists. */
  steps: readonly Step[]
  /** All files, by the table at the top. */
  tabled: readonly string[]
}>

/** Reads a page of `docs/` that says, step by step, how to add something. */
export function readRecipe(path: string): Recipe {
  const page = readFileSync(join(root, path), 'utf8')
  const blocks = page.matchAll(/\n(In )?`([\w./-]+\.\w+)`[^`]*\n\n```\w+\n(.*?)```\n/gs)
  const rows = page.matchAll(/^\|[^|]*\| `([^`]+)`[^|]*\|/gm)
  return {
    steps: Array.from(blocks, ([, into, path = '', code = '']) => ({
      path,
      isNew: into === undefined,
      code,
    })),
    tabled: Array.from(rows, ([, path = '']) => path),
  }
}

/** Copies the sources and follows the recipe there to the letter. */
export function followed({ steps }: Recipe): string {
  const copy = temporaryDirectory()
  for (const name of ['src', 'test', 'bench', 'config', 'docs', 'package.json', 'tsconfig.json']) {
    cpSync(join(root, name), join(copy, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  for (const { path, isNew, code } of steps) {
    const file = join(copy, path)
    assert.is(existsSync(file), !isNew, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, isNew ? code : changed(path, readFileSync(file, 'utf8'), code))
  }
  return copy
}

/** Runs a script of the copy to its end. */
export const runIn = (copy: string, ...args: string[]) =>
  promisify(execFile)(process.execPath, args, { cwd: copy, env: environment }).catch(
    ({ stdout, stderr }) => {
      throw new Error(`${args.join(' ')}: ${stdout}${stderr}`)
    },
  )

/** Without the coverage variable: the copy would count as the program. */
const { NODE_V8_COVERAGE: _, ...environment } = process.env

/** Settings are added at the end, their schema is merged; code is put where it belongs. */
function changed(path: string, text: string, code: string): string {
  if (path.endsWith('.yaml')) return `${text}\n${code}`
  if (!path.endsWith('.json')) return woven(text, code)
  return JSON.stringify(merge(JSON.parse(text), JSON.parse(code)))
}

/**
 * Puts a block where it belongs in an existing file: its imports after those of the file, and the
 * rest over the declaration of that name or, if it is lines of a list, at the list's end.
 */
function woven(text: string, code: string): string {
  const [, imports = '', rest = ''] = /^((?:import [^\n]*\n)*)\n*(.*)$/s.exec(code) ?? []
  const withImports = text.replace(/\n\n/, `\n${imports}\n`)
  const declared = /^(?:export )?(?:const|type) \w+/.exec(rest)?.[0]
  if (declared === undefined) return withImports.replace(/\n\]\n/, `\n${rest.trimEnd()}\n]\n`)
  const start = withImports.search(new RegExp(`^${declared}\\b`, 'm'))
  assert.ok(start >= 0, `${declared} is in the file`)
  const [before] = declaration.exec(withImports.slice(start)) ?? ['']
  return `${withImports.slice(0, start)}${rest}${withImports.slice(start + before.length)}`
}

/** One line, or up to the bracket that closes it. */
const declaration = /^[^\n]*(?:[^[({\n]|[[({]\n.*?\n[\])}][^\n]*)\n/s
