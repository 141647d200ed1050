import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from './support/suite.ts'

const root = resolve(import.meta.dirname, '../..')
const functionLinesMax = 70
const fileLinesMax = 300
const commentColumnsMax = 100
/** More unlike files than that in one folder are not found without a guide. */
const folderFilesMax = 17
/** Files of a folder that may begin with the same word: more of them are a folder. */
const sameWordFilesMax = 3

/** Which folders of `src` a folder may import from. Data flows one way. */
const arrows: Record<string, readonly string[]> = {
  domain: [],
  runtime: ['domain'],
  'event-store': ['domain', 'runtime'],
  'feed-server': ['domain', 'runtime'],
  copy: ['domain', 'runtime', 'event-store'],
  ingest: ['domain', 'runtime', 'event-store'],
  'read-model-store': ['domain', 'runtime'],
  projections: ['domain', 'runtime', 'event-store', 'read-model-store'],
  'read-api': ['domain', 'runtime', 'read-model-store', 'projections'],
  verify: ['domain', 'runtime', 'event-store', 'read-model-store'],
  watch: ['domain', 'runtime'],
}

/** Files that a folder may import by name only: ports and shapes, never what runs behind them. */
const eventStorePort = /event-store\/event-store\.ts$/
const readModelStorePort = /read-model-store\/(read-model-store|key|guard|status|rows-written)\.ts$/
const doors: Record<string, RegExp> = {
  'ingest>event-store': eventStorePort,
  'copy>event-store': eventStorePort,
  'projections>event-store': eventStorePort,
  'projections>read-model-store': readModelStorePort,
  'verify>event-store': eventStorePort,
  'verify>read-model-store': readModelStorePort,
  'read-api>read-model-store': readModelStorePort,
  'read-api>projections': /projections\/(projection\.ts|read-models\/)/,
}

/** Packages that only the files named for them may import. */
const packages: Record<string, RegExp> = {
  kafkajs: /^src\/event-store\/kafka\//,
  mongodb: /^src\/read-model-store\/mongodb\//,
  lmdb: /^src\/(runtime\/lmdb|event-store\/embedded\/|read-model-store\/embedded\/)/,
  koa: /^src\/read-api\//,
  'prom-client': /^src\/runtime\/metrics\.ts$/,
  'csv-parse': /^src\/feed-server\/file\/csv\.ts$/,
  'lossless-json': /^src\/runtime\/exact-json\.ts$/,
  ws: /^src\/(ingest|feed-server)\//,
}

type Source = { path: string; text: string; imports: string[] }

const filesUnder = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))

function readSource(path: string): Source {
  const text = readFileSync(join(root, path), 'utf8')
  const imports = Array.from(text.matchAll(/(?:from |import[ (])'([^']+)'/g), ([, to = '']) => to)
  return { path, text, imports }
}

const sources = filesUnder('src').map(readSource)
const tests = filesUnder('test').map(readSource)
const all = [...sources, ...tests, ...filesUnder('bench').map(readSource)]

const target = ({ path }: Source, to: string): string =>
  relative(root, resolve(root, dirname(path), to))

const folderOf = (path: string): string => path.split('/')[1] ?? ''

const test = suite('tidy')

test('every import of src follows the arrows', () => {
  const wrong = sources.flatMap((source) => {
    const from = folderOf(source.path)
    const allowed = arrows[from]
    if (allowed === undefined) return []
    return source.imports
      .filter((to) => to.startsWith('.'))
      .map((to) => target(source, to))
      .filter((to) => {
        const folder = folderOf(to)
        if (folder === from) return false
        const door = doors[`${from}>${folder}`]
        return !allowed.includes(folder) || (door !== undefined && !door.test(to))
      })
      .map((to) => `${source.path} -> ${to}`)
  })
  assert.equal(wrong, [])
})

test('every folder of src has its arrows, but for the composition root and the commands', () => {
  const folders = new Set(
    sources.filter(({ path }) => path.split('/').length > 2).map(({ path }) => folderOf(path)),
  )
  folders.delete('cli')
  assert.equal([...folders].sort(), Object.keys(arrows).sort())
})

/** Walls inside the folders: which files of `src` may not import which others. */
const walls: readonly (readonly [rule: string, of: RegExp, not: RegExp])[] = [
  [
    'HTTP imports no other room of the read API',
    /^src\/read-api\/http\//,
    /^src\/read-api\/(?!http\/)/,
  ],
  [
    'a route is imported by the list of routes alone, by no other route',
    /^src\/(?!read-api\/routes\/index\.ts)/,
    /^src\/read-api\/routes\/(?!index\.ts)/,
  ],
  [
    'a read model imports the domain and what projections are written with',
    /^src\/projections\/read-models\/(?!index\.ts)/,
    /^src\/(?!domain\/|projections\/projection\.ts)/,
  ],
  [
    'a feed imports the port of feeds and what trades are checked with',
    /^src\/ingest\/feeds\/(?!index\.ts)/,
    /^src\/(?!domain\/|runtime\/|ingest\/(feed|trade-check)\.ts|ingest\/feeds\/)/,
  ],
  ...[
    'event-store/embedded',
    'event-store/kafka',
    'read-model-store/embedded',
    'read-model-store/mongodb',
  ].map(
    (adapter) =>
      [
        `${adapter} is imported by the composition root alone`,
        new RegExp(`^src/(?!compose\\.ts|${adapter}/)`),
        new RegExp(`^src/${adapter}/`),
      ] as const,
  ),
]

const importsOf = (source: Source): string[] =>
  source.imports.filter((to) => to.startsWith('.')).map((to) => target(source, to))

for (const [rule, of, not] of walls) {
  test(rule, () => {
    const wrong = sources
      .filter(({ path }) => of.test(path))
      .flatMap((source) => importsOf(source).map((to) => [source.path, to]))
    assert.equal(
      wrong.filter(([, to = '']) => not.test(to)),
      [],
    )
  })
}

test('no imports of src go in a circle', () => {
  const imports = new Map(sources.map((source) => [source.path, importsOf(source)]))
  const isFree = new Set<string>()
  const circleBehind = (path: string, trail: readonly string[]): readonly string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path]
    if (isFree.has(path)) return []
    for (const to of imports.get(path) ?? []) {
      const circle = circleBehind(to, [...trail, path])
      if (circle.length > 0) return circle
    }
    isFree.add(path)
    return []
  }
  const circles = sources.map(({ path }) => circleBehind(path, []))
  assert.equal(circles.find((circle) => circle.length > 0) ?? [], [])
})

test('a package is imported only by the files named for it', () => {
  const wrong = sources.flatMap(({ path, imports }) =>
    imports
      .map((to) => to.split('/')[0] ?? '')
      .filter((name) => packages[name] !== undefined && !packages[name]?.test(path))
      .map((name) => `${path} imports ${name}`),
  )
  assert.equal(wrong, [])
})

test('only the command line reads the environment', () => {
  const wrong = sources.filter(
    ({ path, text }) => /process\.env\b/.test(text) && !path.startsWith('src/cli/'),
  )
  assert.equal(
    wrong.map(({ path }) => path),
    [],
  )
})

test('every file is used', () => {
  const used = new Set(
    all.flatMap((source) => [
      ...source.imports.filter((to) => to.startsWith('.')).map((to) => target(source, to)),
      ...Array.from(source.text.matchAll(/'((?:\.\.?\/)?[^' ]+)\.js'/g), ([, to]) =>
        target(source, `${to}.ts`),
      ),
    ]),
  )
  const entries =
    /^(src\/cli\/main\.ts|test\/(soak\/)?run\.ts|test\/.*\.test\.ts|bench\/[^/]+\.ts)$/
  const dead = all.filter(({ path }) => !entries.test(path) && !used.has(path))
  assert.equal(
    dead.map(({ path }) => path),
    [],
  )
})

test('every test file runs its suite', () => {
  const silent = tests.filter(
    ({ path, text }) => path.endsWith('.test.ts') && !/\.run\(\)|Contract\(/.test(text),
  )
  assert.equal(
    silent.map(({ path }) => path),
    [],
  )
})

test('no function passes its limit, nor a file', () => {
  const long = sources.flatMap(({ path, text }) => {
    const lines = text.split('\n')
    const starts = lines.flatMap((line, at) =>
      /^(export )?(const \w+ = .*=> *[({]|(async )?function )/.test(line) ? [at] : [],
    )
    const functions = starts
      .map((at) => ({ at, end: lines.findIndex((line, i) => i > at && /^[})]/.test(line)) }))
      .filter(({ at, end }) => end - at > functionLinesMax)
      .map(({ at }) => `${path}:${at + 1}`)
    return lines.length > fileLinesMax ? [...functions, path] : functions
  })
  assert.equal(long, [])
})

test('no line of a comment passes its limit', () => {
  const isComment = /^\s*(\/\/|\/?\*)/
  const long = all.flatMap(({ path, text }) =>
    text
      .split('\n')
      .map((line, i) => ({ line, place: `${path}:${i + 1}` }))
      .filter(({ line }) => line.length > commentColumnsMax && isComment.test(line))
      .map(({ place }) => place),
  )
  assert.equal(long, [])
})

test('no folder is full, and none is spelled as the first word of its files', () => {
  const groups = (of: (path: string) => string, max: number) => {
    const counts = new Map<string, number>()
    for (const { path } of sources) counts.set(of(path), (counts.get(of(path)) ?? 0) + 1)
    return [...counts].filter(([, count]) => count > max).map(([group]) => group)
  }
  assert.equal(groups(dirname, folderFilesMax), [])
  assert.equal(
    groups((path) => path.replace(/[-.][^/]*$/, ''), sameWordFilesMax),
    [],
  )
})

test('every export has a reader', () => {
  const recipes = ['adding-a-feed', 'adding-a-read-model'].map((name) =>
    readFileSync(join(root, `docs/${name}.md`), 'utf8'),
  )
  const unread = sources.flatMap(({ path, text }) => {
    const others = [
      ...all.filter((other) => other.path !== path).map((other) => other.text),
      ...recipes,
    ]
    const names = text.matchAll(/^export (?:async )?(?:const|function\*?|type|interface) (\w+)/gm)
    return Array.from(names, ([, name = '']) => name)
      .filter((name) => !others.some((other) => new RegExp(`\\b${name}\\b`).test(other)))
      .map((name) => `${path}: ${name}`)
  })
  assert.equal(unread, [])
})

test('no marker of unfinished work is left behind', () => {
  const marker = new RegExp(['TO', 'DO|FIX', 'ME|XX', 'X'].join(''))
  assert.equal(
    all.filter(({ text }) => marker.test(text)).map(({ path }) => path),
    [],
  )
})

test.run()
