import type { Machine, Moment } from './machine.ts'
import type { Measurement } from './measurement.ts'
import type { Line, Part } from './part.ts'
import { quantile, type Spread, spreadOf } from './statistics.ts'

export type LineReport = Readonly<{ line: Line; measurements: readonly Measurement[] }>

type MeasuredPart = Pick<Part, 'name' | 'title' | 'unit' | 'remark'> &
  Moment &
  Readonly<{
    server: string | null
    lines: readonly LineReport[]
    missing: string | null
    /** The common result of the lines that report one. */
    held: string | null
  }>

/** The measurements of a part, or why it wasn't measured. */
export type PartReport = MeasuredPart | Readonly<{ name: string; reason: string }>

export type Report = Machine & Readonly<{ parts: readonly PartReport[] }>

export function markdownOf({ machine, versions, parts }: Report): string {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return [preface, `${machine}; ${named.join(', ')}.\n`, ...parts.map(partMarkdown)].join('\n')
}

const preface = `# Benchmarks

Written by \`npm run bench\`; see [how to run it](README.md). Every line is measured in a process of its own, in another
order in each repetition, beside the bare store or library doing the same work in the same run. _Ratio_ is of rates,
repetition by repetition: median (lowest–highest). _CPU_ is the processor time of all threads inside the clock, its ratio
the other way up, so that more is better in both; on a busy machine it is the one to trust. _Anonymous MB_ is the highest
\`RssAnon\` seen, without LMDB's mapped files. Start-up and warm-up of the compiler are in the figures unless a line says
otherwise. A ratio below its aim is a missed aim.
`

function partMarkdown(part: PartReport): string {
  if ('reason' in part) return `## ${part.name}\n\nNot measured: ${part.reason}.\n`
  const { title, unit, lines, date, commit, load } = part
  const letters = lettersOf(lines)
  const rows = lines.map((each) => rowOf(each, lines, letters).join(' | '))
  return `## ${title}

${date} UTC, commit ${commit}, load average before ${load.toFixed(1)}.

|   | what | ${unit}/s | ratio | CPU s per million | CPU ratio | anonymous MB |
| - | ---- | --------: | ----- | ----------------: | --------- | -----------: |
${rows.map((row) => `| ${row} |\n`).join('')}${notesOf(part)
  .map((note) => `\n${note}\n`)
  .join('')}`
}

const notesOf = ({ remark, server, held, missing }: MeasuredPart): string[] => [
  ...(remark === undefined ? [] : [remark]),
  ...(server === null ? [] : [`Server: ${server}.`]),
  ...(held === null ? [] : [`All that make read models ended with ${held}.`]),
  ...(missing === null ? [] : [`Not measured: ${missing}.`]),
]

/** A letter for each line that others are compared with. */
function lettersOf(lines: readonly LineReport[]): ReadonlyMap<string, string> {
  const floors = lines.flatMap(({ line }) => (line.beside ?? []).map(({ floor }) => floor))
  const inOrder = lines.map(({ line }) => line.label).filter((label) => floors.includes(label))
  return new Map(inOrder.map((label, i) => [label, String.fromCharCode(97 + i)]))
}

function rowOf(
  { line, measurements }: LineReport,
  lines: readonly LineReport[],
  letters: ReadonlyMap<string, string>,
): string[] {
  const rate = spreadOf(measurements.map((each) => each.rate))
  const ratios = (speed: (measurement: Measurement) => number, withAim: boolean) =>
    ratiosOf({ line, measurements }, { lines, letters, speed, withAim })
  const cpu = measurements.flatMap(({ cpuSecondsPerMillion }) => cpuSecondsPerMillion ?? [])
  return [
    letters.get(line.label) ?? ' ',
    [line.label, ...figuresOf(line, measurements)].join('; '),
    rateText(line, rate),
    ratios(({ rate }) => rate, true),
    cpu.length === 0 ? '–' : quantile(cpu, 0.5).toFixed(1),
    ratios(({ cpuSecondsPerMillion }) => 1 / (cpuSecondsPerMillion ?? Number.NaN), false),
    megabytes(line, measurements),
  ]
}

function rateText({ aimRate }: Line, { median, min, max }: Spread): string {
  const round = (rate: number) => Number(rate.toPrecision(3)).toLocaleString('en')
  const text = min === max ? round(median) : `${round(median)} (${round(min)}–${round(max)})`
  return aimRate === undefined ? text : `${text}, aim ${round(aimRate)}`
}

type Compared = Readonly<{
  lines: readonly LineReport[]
  letters: ReadonlyMap<string, string>
  speed: (measurement: Measurement) => number
  withAim: boolean
}>

/** Compares repetition by repetition, because the speed of a shared machine varies. */
const ratiosOf = (
  { line: { beside = [] }, measurements }: LineReport,
  { lines, letters, speed, withAim }: Compared,
): string =>
  beside
    .map(({ floor, aim }) => {
      const floors = lines.find(({ line }) => line.label === floor)?.measurements ?? []
      const ratios = measurements.flatMap((each, i) => {
        const other = floors[i]
        return other === undefined ? [] : speed(each) / speed(other)
      })
      const { median, min, max } = spreadOf(ratios)
      const text = `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)}) of ${letters.get(floor)}`
      return withAim && aim !== undefined ? `${text}, aim ${aim}` : text
    })
    .join('; ')

const figuresOf = ({ figuresAtMost }: Line, measurements: readonly Measurement[]): string[] =>
  Object.keys(measurements[0]?.figures ?? {}).map((name) => {
    const values = measurements.map(({ figures }) => figures[name] ?? Number.NaN)
    const atMost = figuresAtMost?.[name]
    const aim = atMost === undefined ? '' : ` (aim: at most ${atMost})`
    return `${name} ${Number(quantile(values, 0.5).toPrecision(3))}${aim}`
  })

function megabytes({ anonymousMbAtMost }: Line, measurements: readonly Measurement[]): string {
  const bytes = measurements.flatMap(({ anonymousBytes }) => anonymousBytes ?? [])
  if (bytes.length === 0) return '–'
  const highest = (Math.max(...bytes) / 1_000_000).toFixed(0)
  return anonymousMbAtMost === undefined ? highest : `${highest}, aim: at most ${anonymousMbAtMost}`
}
