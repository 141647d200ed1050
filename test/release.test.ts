import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { suite } from './support/suite.ts'
import { temporaryDirectory } from './support/temporary-directory.ts'

const test = suite('release')

type Step = Readonly<{
  uses?: string
  run?: string
  with?: Readonly<Record<string, unknown>>
}>
type Job = Readonly<{
  uses?: string
  needs?: string
  permissions?: Readonly<Record<string, string>>
  'timeout-minutes'?: number
  steps?: readonly Step[]
}>
type Workflow = Readonly<{
  on: Readonly<Record<string, unknown>>
  permissions: Readonly<Record<string, string>>
  jobs: Readonly<Record<string, Job>>
}>

const pathOf = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const textOf = (path: string) => readFileSync(pathOf(path), 'utf8')
const workflowOf = (name: string): Workflow => parse(textOf(`.github/workflows/${name}`))
const packageJson: {
  version: string
  engines: { node: string }
  scripts: Record<string, string>
} = JSON.parse(textOf('package.json'))

const workflows = readdirSync(pathOf('.github/workflows')).map((name) => ({
  name,
  workflow: workflowOf(name),
}))
const jobs = workflows.flatMap(({ name, workflow }) =>
  Object.entries(workflow.jobs).map(([key, job]) => ({ where: `${name} ${key}`, job })),
)
const steps = jobs.flatMap(({ where, job }) => (job.steps ?? []).map((step) => ({ where, step })))

test('a workflow may only read the code; a job that may do more says so', () => {
  for (const { name, workflow } of workflows) {
    assert.equal(workflow.permissions, { contents: 'read' }, name)
  }
  const more = jobs.filter(({ job }) => job.permissions !== undefined)
  assert.equal(Object.fromEntries(more.map(({ where, job }) => [where, job.permissions])), {
    'codeql.yml analyze': { contents: 'read', 'security-events': 'write' },
    'release.yml image': {
      contents: 'read',
      packages: 'write',
      'id-token': 'write',
      attestations: 'write',
    },
    'release.yml release': { contents: 'write' },
  })
})

test('every job ends in time, and every action has a version', () => {
  for (const { where, job } of jobs) {
    assert.ok(job.uses !== undefined || (job['timeout-minutes'] ?? 0) > 0, where)
  }
  for (const { where, step } of steps) {
    if (step.uses !== undefined) assert.match(step.uses, /^[\w-]+\/[\w/-]+@v\d+$/, where)
  }
})

test('every npm script that a workflow runs exists in the package', () => {
  const named = steps.flatMap(({ where, step }) =>
    Array.from((step.run ?? '').matchAll(/npm run (?:--silent )?([\w:]+)/g), ([, script = '']) => ({
      where,
      script,
    })),
  )
  assert.ok(named.length > 0)
  for (const { where, script } of named) assert.ok(script in packageJson.scripts, where)
})

test('a tag is tested, then its image is published and attested, then it is released', () => {
  const { on, jobs } = workflowOf('release.yml')
  assert.equal(on, { push: { tags: ['v[0-9]+.[0-9]+.[0-9]+'] } })
  assert.is(jobs.test?.uses, './.github/workflows/ci.yml')
  assert.ok('workflow_call' in workflowOf('ci.yml').on)
  const needs = Object.entries(jobs).map(([key, job]) => [key, job.needs])
  assert.equal(needs, [
    ['version', undefined],
    ['test', 'version'],
    ['image', 'test'],
    ['release', 'image'],
  ])
  const attest = jobs.image?.steps?.find(({ uses }) => uses?.startsWith('actions/attest-'))
  const name = `ghcr.io/\${{ github.repository }}`
  assert.is(attest?.with?.['subject-name'], name)
  assert.is(attest?.with?.['subject-digest'], `\${{ steps.build.outputs.digest }}`)
  const metadata = jobs.image?.steps?.find(({ uses }) => uses?.includes('/metadata-action'))
  assert.is(metadata?.with?.images, name)
})

test('a tag is released only when it is the version of the package and the changelog dates it', () => {
  const script = workflowOf('release.yml').jobs.version?.steps?.find(({ run }) => run)?.run ?? ''
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'jq'), '#!/bin/sh\necho 1.2.3\n', { mode: 0o755 })
  const env = { PATH: `${directory}:/usr/bin:/bin` }
  const status = (tag: string, heading: string) => {
    writeFileSync(join(directory, 'CHANGELOG.md'), `# Changelog\n\n${heading}\n\n- A change.\n`)
    const options = { cwd: directory, env: { ...env, GITHUB_REF_NAME: tag } }
    return spawnSync('sh', ['-e', '-c', script], options).status
  }
  assert.is(status('v1.2.3', '## 1.2.3 (2026-12-01)'), 0)
  assert.is(status('v1.2.3', '## 1.2.3 (unreleased)'), 1)
  assert.is(status('v1.2.3', '## 1.2.30 (2026-12-01)'), 1)
  assert.is(status('v1.2.4', '## 1.2.4 (2026-12-01)'), 1)
})

test('the changelog has the version of the package at its top', () => {
  const [, version] = /^## (\S+) \(/m.exec(textOf('CHANGELOG.md')) ?? []
  assert.is(version, packageJson.version)
})

test('the documents and the tests of CI start from the oldest Node that the package supports', () => {
  const [oldest] = /\d+\.\d+/.exec(packageJson.engines.node) ?? []
  for (const document of ['README.md', 'CONTRIBUTING.md']) {
    assert.match(textOf(document), `Node ${oldest} or later`)
  }
  assert.match(textOf('.github/workflows/ci.yml'), `{ node: "${oldest}", `)
  const lock = JSON.parse(textOf('package-lock.json'))
  assert.equal(lock.packages[''].engines, packageJson.engines)
})

test('dependencies of every kind are updated', () => {
  const { version, updates } = parse(textOf('.github/dependabot.yml'))
  assert.is(version, 2)
  const kinds = updates.map((update: Record<string, unknown>) => update['package-ecosystem'])
  const marks: Record<string, string> = {
    npm: 'package-lock.json',
    'github-actions': '.github/workflows',
    docker: 'Dockerfile',
  }
  assert.equal(kinds, Object.keys(marks))
  for (const path of Object.values(marks)) assert.ok(existsSync(pathOf(path)), path)
})

test('the servers of the soak are containers that its script stops and starts', () => {
  const directory = temporaryDirectory()
  const said = join(directory, 'said')
  const docker = `#!/bin/sh\necho "$*" >> ${said}\ncase $1 in inspect) echo healthy ;; esac\n`
  writeFileSync(join(directory, 'docker'), docker, { mode: 0o755 })
  const script = pathOf('test/soak/containers.sh')
  const env = { PATH: `${directory}:/usr/bin:/bin`, KAFKA_CONTAINER: 'k1', MONGODB_CONTAINER: 'm1' }
  const run = (...args: string[]) => spawnSync('sh', [script, ...args], { env }).status
  assert.equal(
    [run('kill', 'kafka'), run('up', 'kafka'), run('pause', 'mongo'), run('resume', 'mongo')],
    [0, 0, 0, 0],
  )
  assert.equal([run('kill', 'redis'), run('drop', 'kafka')], [2, 2])
  assert.equal(readFileSync(said, 'utf8').trim().split('\n'), [
    'kill k1',
    'start k1',
    'inspect --format {{.State.Health.Status}} k1',
    'pause m1',
    'unpause m1',
  ])
})

test('an issue form asks for what GitHub can show', () => {
  for (const name of ['bug.yml', 'idea.yml']) {
    const form = parse(textOf(`.github/ISSUE_TEMPLATE/${name}`))
    assert.type(form.name, 'string')
    assert.type(form.description, 'string')
    const ids = form.body.map(({ id }: { id: string }) => id)
    assert.is(new Set(ids).size, ids.length)
    for (const { type, attributes } of form.body) {
      assert.ok(['textarea', 'input'].includes(type), name)
      assert.type(attributes.label, 'string')
    }
  }
})

test('every link of the documents into the repository has its target', () => {
  for (const document of ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md']) {
    const links = Array.from(textOf(document).matchAll(/\]\(([^):#]+)(#[^)]*)?\)/g))
    for (const [, path = ''] of links) assert.ok(existsSync(pathOf(path)), `${document}: ${path}`)
  }
})

test.run()
