import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { mainProgram, runTradelog } from '../support/tradelog.ts'

const test = suite('paths that cannot be used')

/** What is in the way of a data directory, made in an empty directory; returns the setting. */
type Obstacle = readonly [what: string, make: (root: string) => string, says: string]

function file(...path: string[]): string {
  const at = join(...path)
  mkdirSync(join(at, '..'), { recursive: true })
  writeFileSync(at, 'not a file of LMDB')
  return at
}

function folder(...path: string[]): string {
  mkdirSync(join(...path), { recursive: true })
  return join(...path)
}

function link(to: string, ...path: string[]): string {
  symlinkSync(to, join(...path))
  return join(...path)
}

const parts = ['log', 'read-models/catalogue'] as const
/** In both stores: a command may open either first. */
const inBoth = (root: string, make: (...path: string[]) => string, name: string): string => {
  for (const part of parts) make(root, 'data', part, name)
  return join(root, 'data')
}

const obstacles: readonly Obstacle[] = [
  ['a file', (root) => file(root, 'data'), 'data is a file, not a directory'],
  ['in a file', (root) => join(file(root, 'file'), 'a/data'), 'file is a file, not a directory'],
  ['a link to nothing', (root) => link('/no/such', root, 'data'), "/no/such, which doesn't exist"],
  [
    'behind a link to nothing',
    (root) => join(link('/no/such', root, 'link'), 'data'),
    "/no/such, which doesn't exist",
  ],
  ['links in a circle', (root) => join(link('circle', root, 'circle'), 'data'), 'lead in a circle'],
  ['of too long a name', (root) => join(root, 'x'.repeat(300)), 'is too long'],
  [
    'with files as its folders',
    (root) => {
      for (const part of ['log', 'read-models', 'ingest']) file(root, 'data', part)
      return join(root, 'data')
    },
    'is a file, not a directory',
  ],
  [
    'with folders as its files',
    (root) => inBoth(root, folder, 'data.mdb'),
    'data.mdb is not a file of LMDB: move it away',
  ],
  [
    'with folders as its locks',
    (root) => inBoth(root, folder, 'lock.mdb'),
    'lock.mdb is not a file of LMDB: move it away',
  ],
  [
    "with others' files",
    (root) => inBoth(root, file, 'data.mdb'),
    'data.mdb is not a file of LMDB: restore its directory from a backup',
  ],
]

const commands: readonly (readonly string[])[] = [
  ['start'],
  ['ingest'],
  ['api'],
  ['verify'],
  ['skip', '--list'],
  ['copy', '--to', '-'],
]

for (const [i, [what, make, says]] of obstacles.entries()) {
  // A process takes a second to start.
  const args = commands[i % commands.length] ?? []
  test(`"tradelog ${args.join(' ')}" refuses a data_directory that is ${what}`, async () => {
    const root = temporaryDirectory()
    const DATA_DIRECTORY = make(root)
    const before = readdirSync(root)
    const { code, stdout, stderr } = await runTradelog(args, { DATA_DIRECTORY, API_PORT: '0' })
    assert.is(code, 2, stderr)
    assert.is(stdout, '')
    assert.match(stderr, /^tradelog: CONFIG_INVALID: "data_directory": [^\n]+\n$/)
    assert.ok(stderr.includes(says), stderr)
    assert.not.match(stderr, /\bE[A-Z]{3,}\b/)
    assert.equal(readdirSync(root), before)
  })
}

const root = temporaryDirectory()
mkdirSync(join(root, 'folder'))
for (const name of ['folder.ndjson', 'folder.ndjson.gz', 'folder.yaml']) mkdirSync(join(root, name))
writeFileSync(join(root, 'file'), 'text')
writeFileSync(join(root, 'empty.ndjson'), '{"type":"TradelogLog","version":1,"partitions":6}\n')
writeFileSync(join(root, 'no.ndjson.gz'), 'text')
const from = ['copy', '--from', join(root, 'empty.ndjson'), '--to']
const ca = `kafka: {broker_url: "127.0.0.1:1", ssl: true, ssl_ca_file: ${join(root, 'PATH')}}`
function withCa(path: string): string {
  const settings = join(root, `ca-${path.replace('/', '-')}.yaml`)
  writeFileSync(settings, ca.replace('PATH', path))
  return settings
}

type Refusal = readonly [what: string, args: readonly string[], says: string]

const isFolder = 'is a directory, not a file'
const inTheWay = 'file is a file, not a directory'
const refusals: readonly Refusal[] = [
  ['settings that are a directory', ['verify', '--config', join(root, 'folder')], isFolder],
  ['settings in a file', ['verify', '--config', join(root, 'file/x.yaml')], inTheWay],
  ['missing settings', ['verify', '--config', join(root, 'no.yaml')], "no.yaml doesn't exist"],
  ['a directory as authority', ['verify', '--config', withCa('folder')], isFolder],
  ['a missing authority', ['verify', '--config', withCa('no.pem')], "no.pem doesn't exist"],
  ['any file as authority', ['verify', '--config', withCa('file')], 'file is no certificate'],
  [
    'a copy into a missing directory',
    [...from, join(root, 'no/such/x.ndjson')],
    "no/such doesn't exist: make it",
  ],
  [
    'a compressed copy into a missing directory',
    [...from, join(root, 'no/such/x.ndjson.gz')],
    "no/such doesn't exist: make it",
  ],
  ['a copy into a directory', [...from, join(root, 'folder.ndjson')], isFolder],
  ['a copy into a file of a file', [...from, join(root, 'file/x.ndjson')], inTheWay],
  ['a copy to settings in a directory', [...from, join(root, 'folder.yaml')], isFolder],
  ['a copy to a long name', [...from, `${root}/${'x'.repeat(300)}.ndjson`], 'is too long'],
  ['a copy of a directory', ['copy', '--from', join(root, 'folder.ndjson'), '--to', '-'], isFolder],
  [
    'a copy of a compressed directory',
    ['copy', '--from', join(root, 'folder.ndjson.gz'), '--to', '-'],
    isFolder,
  ],
  [
    'a copy of a missing file',
    ['copy', '--from', join(root, 'no.ndjson'), '--to', '-'],
    "no.ndjson doesn't exist",
  ],
]

for (const [what, args, says] of refusals) {
  test(`${what} ends with 2 and one line that says what is wrong`, async () => {
    const before = readdirSync(root)
    const { code, stdout, stderr } = await runTradelog(args, {
      DATA_DIRECTORY: temporaryDirectory(),
    })
    assert.is(code, 2, stderr)
    assert.is(stdout, '')
    assert.match(stderr, /^tradelog: (CONFIG_INVALID|COPY_REFUSED): [^\n]+\n$/)
    assert.ok(stderr.includes(says), stderr)
    assert.not.match(stderr, /\bE[A-Z]{3,}\b/)
    assert.equal(readdirSync(root), before)
  })
}

test('a damaged compressed file is called that', async () => {
  const args = ['copy', '--from', join(root, 'no.ndjson.gz'), '--to', '-']
  const { code, stderr } = await runTradelog(args, { DATA_DIRECTORY: temporaryDirectory() })
  assert.is(code, 2)
  assert.match(stderr, /no\.ndjson\.gz is not a whole copy of a log: its gzip is damaged or cut/)
})

test('rejects of a data_directory that is not there are not called none', async () => {
  const DATA_DIRECTORY = join(temporaryDirectory(), 'data')
  const { code, stdout, stderr } = await runTradelog(['rejects'], { DATA_DIRECTORY })
  assert.is(code, 2)
  assert.is(stdout, '')
  const says = `"data_directory": ${DATA_DIRECTORY} doesn't exist: correct the path`
  assert.is(stderr, `tradelog: CONFIG_INVALID: ${says}\n`)
})

const fullTitle = 'an output for which no space is left is told, also by a command that has ended'

function fullOutput() {
  const { status, stderr } = spawnSync(process.execPath, [mainProgram, 'rejects'], {
    stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    env: { ...process.env, TRADELOG_DATA_DIRECTORY: temporaryDirectory() },
    encoding: 'utf8',
  })
  assert.is(status, 1)
  assert.match(stderr, /^tradelog: OUTPUT_FAILED: .*no space is left[^\n]*\n$/)
}

if (existsSync('/dev/full')) test(fullTitle, fullOutput)
else test.skip(fullTitle, 'this system has no /dev/full')

test.run()
