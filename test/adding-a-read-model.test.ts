import { execFile } from 'node:child_process'
import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { get } from './support/api-client.ts'
import { eventually } from './support/eventually.ts'
import { embeddedStores } from './support/store-pair.ts'
import { suite } from './support/suite.ts'
import { temporaryDirectory } from './support/temporary-directory.ts'
import { runTradelog, startTradelog } from './support/tradelog.ts'

const test = suite('the recipe of docs/adding-a-read-model.md')
const root = resolve(import.meta.dirname, '../..')
const recipe = readFileSync(join(root, 'docs/adding-a-read-model.md'), 'utf8')

type Step = Readonly<{ path: string; isNew: boolean; code: string }>

/** Each block of code that follows the name of its file: on its own for a new file. */
const steps: readonly Step[] = Array.from(
  recipe.matchAll(/\n(In )?`((?:src|test)\/[^`]+)`[^`]*\n\n```ts\n(.*?)```\n/gs),
  ([, into, path = '', code = '']) => ({ path, isNew: into === undefined, code }),
)

/** The files that the table at the top promises to be all. */
const tabled = Array.from(recipe.matchAll(/^\|[^|]*\| `([^`]+)`[^|]*\|/gm), ([, path]) => path)

/** Puts the lines of a block where they belong in a file that is there. */
function woven(text: string, code: string): string {
  const [imports = '', rest = ''] = code.split(/\n\n/)
  const withImport = text.replace(/\n\n/, `\n${imports}\n\n`)
  const declared = /^export const \w+/.exec(rest)?.[0]
  if (declared === undefined) return withImport.replace(/\n\]\n/, `\n${rest.trimEnd()}\n]\n`)
  const start = withImport.indexOf(declared)
  assert.ok(start > 0, `${declared} is in the file`)
  return `${withImport.slice(0, start)}${rest}`
}

/** A copy of the sources in which the recipe has been followed to the letter. */
function followed(): string {
  const copy = temporaryDirectory()
  for (const name of ['src', 'test', 'bench', 'config', 'docs', 'package.json', 'tsconfig.json']) {
    cpSync(join(root, name), join(copy, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  for (const { path, isNew, code } of steps) {
    const file = join(copy, path)
    assert.is(existsSync(file), !isNew, path)
    writeFileSync(file, isNew ? code : woven(readFileSync(file, 'utf8'), code))
  }
  return copy
}

/** Coverage of the copy would be added to that of the program. */
const { NODE_V8_COVERAGE: _, ...environment } = process.env

const run = (copy: string, ...args: string[]) =>
  promisify(execFile)(process.execPath, args, { cwd: copy, env: environment }).catch(
    ({ stdout, stderr }) => {
      throw new Error(`${args.join(' ')}: ${stdout}${stderr}`)
    },
  )

test('names every file that it touches', () => {
  assert.equal(steps.map(({ path }) => path).sort(), tabled.sort())
})

test(
  'followed to the letter, gives a model that is lawful, served and verified',
  async () => {
    const copy = followed()
    await run(copy, 'node_modules/typescript/bin/tsc', '-p', '.')
    await run(copy, 'dist/test/run.js', 'every-read-model', 'largest-trades', 'openapi')
    const program = join(copy, 'dist/src/cli/main.js')
    const settings = embeddedStores()
    const tradelog = startTradelog(['start'], settings, [program])
    const address = await tradelog.address()
    await eventually(
      async () => {
        const { status, data } = await get<{ data: readonly { trades: readonly unknown[] }[] }>(
          `${address}/api/v1/largest-trades/AAPL`,
        )
        return status === 200 && data.data[0]?.trades.length === 3
      },
      { timeoutMs: 30_000 },
    )
    const verify = await runTradelog(['verify', '--model', 'largest-trades'], settings, [program])
    assert.is(verify.code, 0, verify.stdout + verify.stderr)
    await tradelog.kill('SIGTERM')
  },
  { timeoutMs: 180_000 },
)

test.run()
