import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'

export type Machine = Readonly<{ machine: string; versions: Readonly<Record<string, string>> }>

/** The time, the commit, and how many processes wanted a processor (a minute's mean). */
export type Moment = Readonly<{ date: string; commit: string; load: number }>

const root = join(import.meta.dirname, '../..')
const packages = ['lmdb', 'koa', 'rxjs', 'kafkajs', 'mongodb', 'ws']

export const describeMoment = (): Moment => ({
  date: new Date().toISOString().slice(0, 16).replace('T', ' '),
  commit: commit(),
  load: loadavg()[0] ?? Number.NaN,
})

export const describeMachine = (): Machine => ({
  machine:
    `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}, ` +
    `${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}`,
  versions: {
    node: process.versions.node,
    ...Object.fromEntries(packages.map((name) => [name, versionOf(name)])),
  },
})

function commit(): string {
  try {
    const changes = git('status', '--porcelain', 'src', 'bench')
    const name = git('rev-parse', '--short', 'HEAD').trim()
    return changes === '' ? name : `${name} with changes`
  } catch {
    return 'unknown'
  }
}

const git = (...args: string[]): string =>
  execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })

function versionOf(name: string): string {
  const path = join(root, 'node_modules', name, 'package.json')
  const { version }: { version: string } = JSON.parse(readFileSync(path, 'utf8'))
  return version
}
