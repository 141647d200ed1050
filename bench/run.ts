import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { seededRandom } from '../test/support/random.ts'
import { describeMachine, describeMoment } from './machine.ts'
import { type Measurement, measure } from './measurement.ts'
import { type Given, type Line, needFolder, type Part, type PartOptions } from './part.ts'
import { partsOf, preparation } from './parts.ts'
import { type LineReport, markdownOf, type PartReport, type Report } from './report.ts'
import { usage } from './usage.ts'

/** Prints the report as Markdown, and writes it to a file if asked: see README.md. */
function commandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        events: { type: 'string' },
        repetitions: { type: 'string' },
        'batch-events': { type: 'string' },
        json: { type: 'string' },
        markdown: { type: 'string' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    return refuse(error instanceof Error ? error.message : `${error}`)
  }
}

function refuse(why: string): never {
  process.stderr.write(`bench: ${why}\n`)
  process.exit(2)
}

const { values, positionals } = commandLine()

if (values.help === true) {
  process.stdout.write(usage)
  process.exit(0)
}

const usual: PartOptions = {
  events: 300_000,
  peerEvents: 1_000_000,
  baselineEvents: 3_000,
  killEvents: 3_000,
  memoryEvents: [100_000, 1_000_000, 10_000_000],
  pagedTrades: [10_000, 1_000_000],
}

const upTo = (events: number): PartOptions => ({
  events,
  peerEvents: events,
  baselineEvents: Math.ceil(events / 100),
  killEvents: Math.ceil(events / 100),
  memoryEvents: [events / 100, events / 10, events].map(Math.ceil),
  pagedTrades: [Math.min(10_000, events / 10), events],
})

function counted(name: 'events' | 'repetitions' | 'batch-events'): number | undefined {
  const value = values[name]
  if (value === undefined) return undefined
  if (/^[1-9][0-9]{0,9}$/.test(value)) return Number(value)
  return refuse(`--${name} must be a whole number from 1 on, not ${value}`)
}

const events = counted('events')
const usualRepetitions = counted('repetitions') ?? 3
const batchEventsMax = counted('batch-events') ?? 2_000
const parts = partsOf(events === undefined ? usual : upTo(events))
const unknown = positionals.filter((name) => !parts.some((part) => part.name === name))
if (unknown.length > 0) refuse(`no such part: ${unknown.join(' ')}`)

const run = Date.now().toString(36)
const prepared = mkdtempSync(join(tmpdir(), 'tradelog-bench-'))
const random = seededRandom(Date.now())

const tell = (text: string) => void process.stderr.write(`${text}\n`)

async function main(): Promise<void> {
  const chosen = parts.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  const measured = await measureParts(chosen)
  const machine = describeMachine()
  process.stdout.write(markdownOf({ ...machine, parts: measured }))
  const report: Report = { ...machine, parts: withFormer(measured) }
  if (values.markdown !== undefined) writeFileSync(values.markdown, markdownOf(report))
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 1)}\n`)
}

/** Keeps the parts of the file that are not measured now: a report can be made in pieces. */
function withFormer(measured: readonly PartReport[]): readonly PartReport[] {
  const former: PartReport[] =
    values.json !== undefined && existsSync(values.json)
      ? JSON.parse(readFileSync(values.json, 'utf8')).parts
      : []
  return parts.flatMap(
    ({ name }) => [...measured, ...former].find((report) => report.name === name) ?? [],
  )
}

async function measureParts(parts: ReturnType<typeof partsOf>): Promise<PartReport[]> {
  const reports: PartReport[] = []
  try {
    for (const part of parts) reports.push('reason' in part ? part : await measurePart(part))
  } finally {
    // At the end, as parts may share what is on a server.
    const cleanUps = parts.map((part) => ('cleanUp' in part ? part.cleanUp : undefined))
    for (const cleanUp of new Set(cleanUps)) await cleanUp?.(run)
  }
  return reports
}

async function measurePart(part: Part): Promise<PartReport> {
  const moment = describeMoment()
  const server = (await part.server?.()) ?? null
  for (const need of part.needs) {
    const folder = needFolder(prepared, need)
    if (existsSync(folder)) continue
    tell(`${part.name}: making ${need.name} of ${need.events.toLocaleString('en')} events`)
    await measure(preparation, need.name, given(need, folder))
  }
  const measured = new Map<string, Measurement[]>(part.lines.map(({ label }) => [label, []]))
  const repetitions = part.repetitions ?? usualRepetitions
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    for (const line of shuffled(part.lines)) {
      const measurement = await measureLine(part, line)
      const rate = Math.round(measurement.rate).toLocaleString('en')
      tell(`${part.name} ${repetition}/${repetitions}: ${line.label}: ${rate}/s`)
      measured.get(line.label)?.push(measurement)
    }
  }
  const { name, title, unit, remark, missing = null } = part
  const lines = part.lines.map((line) => ({ line, measurements: measured.get(line.label) ?? [] }))
  const described = { name, title, unit, ...(remark === undefined ? {} : { remark }) }
  return { ...described, ...moment, server, missing, held: commonlyHeld(lines), lines }
}

/** Programs with different results have not done the same work. */
function commonlyHeld(lines: readonly LineReport[]): string | null {
  const all = lines.flatMap(({ line, measurements }) =>
    measurements.flatMap(({ held }) => (held === null ? [] : [{ label: line.label, held }])),
  )
  const [first] = all
  const other = all.find(({ held }) => held !== first?.held)
  if (first !== undefined && other !== undefined) {
    throw new Error(`${first.label}: ${first.held}\nbut ${other.label}: ${other.held}`)
  }
  return first?.held ?? null
}

async function measureLine(part: Part, line: Line): Promise<Measurement> {
  const scratch = join(prepared, 'scratch')
  try {
    return await measure(part.name, line.subject, given(line, scratch))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

const given = (
  { events, models = [], rows = 0 }: Pick<Line, 'events' | 'models' | 'rows'>,
  scratch: string,
): Given => ({
  prepared,
  scratch,
  run,
  events,
  models,
  rows,
  batchEventsMax,
})

/** Changes the order, so that no line is always the first or after the same other one. */
const shuffled = <T>(items: readonly T[]): T[] =>
  items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)

try {
  await main()
} finally {
  rmSync(prepared, { recursive: true, force: true })
}
