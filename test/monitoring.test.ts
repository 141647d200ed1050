import { existsSync, readFileSync } from 'node:fs'
import { parser } from '@prometheus-io/lezer-promql'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { loadConfig } from '../src/runtime/config/config.ts'
import { declaredMetrics, declaredTypes, processMetrics } from './support/declared-metrics.ts'
import { suite } from './support/suite.ts'

const test = suite('monitoring')

const urlOf = (path: string) => new URL(`../../${path}`, import.meta.url)
const textOf = (path: string) => readFileSync(urlOf(path), 'utf8')

type Rule = Readonly<{
  alert: string
  expr: string
  labels: Readonly<{ severity: string }>
  annotations: Readonly<{ summary: string }>
}>
type Panel = Readonly<{
  id: number
  type: string
  title: string
  gridPos: Readonly<{ x: number; w: number }>
  targets?: readonly Readonly<{ expr: string; datasource: { uid: string } }>[]
}>
type Service = Readonly<{ profiles?: readonly string[]; volumes?: readonly string[] }>

const rules: readonly Rule[] = parse(textOf('deploy/alerts.yml')).groups.flatMap(
  (group: { rules: readonly Rule[] }) => group.rules,
)
const dashboard: { uid: string; panels: readonly Panel[] } = JSON.parse(
  textOf('deploy/grafana/dashboards/tradelog.json'),
)
const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
const expressions = [...rules.map(({ expr }) => expr), ...queries]
const operations = textOf('docs/operations.md')

/** The metrics of a query, by Prometheus' own grammar; `undefined` if it is invalid. */
function metricsIn(expression: string): readonly string[] | undefined {
  const names: string[] = []
  let isQuery = true
  parser.parse(expression).iterate({
    enter: ({ type, name, from, to }) => {
      if (type.isError) isQuery = false
      if (name === 'Identifier') names.push(expression.slice(from, to))
    },
  })
  return isQuery ? names : undefined
}

/** The series of a histogram or summary are named after it. */
const known = new Set(
  [...declaredMetrics(), ...processMetrics(), 'up'].flatMap((name) => [
    name,
    ...['_bucket', '_sum', '_count'].map((suffix) => `${name}${suffix}`),
  ]),
)

test('every query of the alerts and of the dashboard is valid, and asks for existing metrics', () => {
  assert.ok(rules.length > 10 && queries.length > 20)
  for (const expression of expressions) {
    const names = metricsIn(expression)
    assert.ok(names !== undefined && names.length > 0, expression)
    assert.equal(
      names.filter((name) => !known.has(name)),
      [],
      expression,
    )
  }
})

test('the check of queries finds what is wrong', () => {
  assert.is(metricsIn('sum(rate(tradelog_x[5m])'), undefined)
  assert.equal(metricsIn('sum by (model) (tradelog_x{state="up"}) / time()'), ['tradelog_x'])
})

test('every alert says how bad it is and what has happened, and has its heading in the docs', () => {
  const names = rules.map(({ alert }) => alert)
  assert.is(new Set(names).size, names.length)
  for (const { alert, labels, annotations } of rules) {
    assert.match(labels.severity, /^(critical|warning)$/, alert)
    assert.ok(annotations.summary.length > 10, alert)
  }
  const headings = Array.from(operations.matchAll(/^### (Tradelog\w+)$/gm), ([, name]) => name)
  assert.equal(headings.sort(), names.sort())
})

test('every metric is in docs/operations.md, and every metric there exists', () => {
  const documented = Array.from(operations.matchAll(/^\| `(tradelog_\w+)`/gm), ([, name]) => name)
  assert.equal(documented.sort(), [...declaredMetrics()].sort())
})

test('names of metrics follow the conventions: base units, and _total for counters', async () => {
  for (const [name, type] of await declaredTypes()) {
    assert.match(name, /^tradelog(_[a-z]+)+$/)
    assert.is(name.endsWith('_total'), type === 'counter', name)
    assert.not.match(name, /_(ms|milliseconds|kb|percent)(_|$)/)
  }
})

test('Prometheus scrapes each role on its operations port, and knows the rules', () => {
  const { scrape_configs: jobs, rule_files: files } = parse(textOf('deploy/prometheus.yml'))
  const { config } = loadConfig({ file: 'config/docker.yaml', environment: {} })
  const { services } = parse(textOf('docker-compose.yml'), { merge: true })
  for (const { job_name: role, dns_sd_configs: found } of jobs) {
    assert.ok(services[role]?.build !== undefined, role)
    assert.equal(
      found.map(({ names, port }: { names: string[]; port: number }) => [names, port]),
      [[[role], config.operationsPort]],
    )
  }
  assert.equal(
    jobs.map(({ job_name: role }: { job_name: string }) => role),
    ['ingest', 'project', 'api'],
  )
  assert.ok(services.prometheus.volumes.includes(`./deploy/alerts.yml:${files[0]}:ro`))
})

test('all that the monitoring profile mounts exists, and nothing else is in the profile', () => {
  const { services } = parse(textOf('docker-compose.yml'), { merge: true })
  const inProfile = Object.entries<Service>(services).filter(([, { profiles }]) => profiles)
  assert.equal(
    inProfile.map(([name, { profiles }]) => [name, profiles]),
    [
      ['prometheus', ['monitoring']],
      ['grafana', ['monitoring']],
    ],
  )
  const mounted = inProfile.flatMap(([, { volumes = [] }]) => volumes)
  const files = mounted.filter((volume) => volume.startsWith('./'))
  assert.is(files.length, 4)
  for (const file of files) assert.ok(existsSync(urlOf(file.split(':')[0] ?? '')), file)
})

test('Grafana finds its source and its dashboard, whose panels do not overlap', () => {
  const folder = 'deploy/grafana/provisioning'
  const { datasources } = parse(textOf(`${folder}/datasources/prometheus.yml`))
  assert.is(datasources[0].url, 'http://prometheus:9090')
  const uids = dashboard.panels.flatMap(({ targets = [] }) =>
    targets.map(({ datasource }) => datasource.uid),
  )
  assert.equal([...new Set(uids)], [datasources[0].uid])
  const { providers } = parse(textOf(`${folder}/dashboards/tradelog.yml`))
  const { services } = parse(textOf('docker-compose.yml'), { merge: true })
  const mount = `./deploy/grafana/dashboards:${providers[0].options.path}:ro`
  assert.ok(services.grafana.volumes.includes(mount))
  assert.is(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
  for (const { title, gridPos } of dashboard.panels) {
    assert.ok(title.length > 0 && gridPos.x + gridPos.w <= 24, title)
  }
})

test.run()
