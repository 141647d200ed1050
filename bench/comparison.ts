import type { LineReport, Report } from './report.ts'
import { quantile } from './statistics.ts'

/** Runners are shared, and rates vary by half: only beyond this it is more than noise. */
const slowerBelow = 0.6
/** Processor time varies less. */
const remarkable = 0.15

type Figures = Readonly<{
  /** Per second. `ofFloor`: relative to the floor in the same repetition, if there is one. */
  rate: number
  ofFloor: number | undefined
  cpuSecondsPerMillion: number
}>

type Change = Readonly<{ name: string; base: Figures; head: Figures }>

export type Comparison = Readonly<{ markdown: string; isSlower: boolean }>

/** Reports of two commits that were measured in turn on one machine. */
export function comparisonOf(bases: readonly Report[], heads: readonly Report[]): Comparison {
  const base = figuresByName(bases)
  const changes = Array.from(figuresByName(heads)).flatMap(([name, head]) => {
    const before = base.get(name)
    return before === undefined ? [] : { name, base: before, head }
  })
  const markdown = `## Benchmarks: ${commitOf(bases)} → ${commitOf(heads)}

${heads[0]?.machine}. Medians of ${bases.length} runs of each, in turn.

| what | per second | of its floor | CPU s per million | speed-up | |
| ---- | ---------- | ------------ | ----------------- | -------: | - |
${changes.map((change) => `${rowOf(change)}\n`).join('')}
The speed-up is of the ratios to the floor if there is one. A line is called slower only if both it
and that of its processor time are below ${slowerBelow} of before.
`
  return { markdown, isSlower: changes.some(isSlower) }
}

function figuresByName(reports: readonly Report[]): ReadonlyMap<string, Figures> {
  const found = new Map<string, { line: LineReport; lines: readonly LineReport[] }[]>()
  for (const part of reports.flatMap(({ parts }) => parts)) {
    if ('reason' in part) continue
    for (const line of part.lines) {
      const name = `${part.name}: ${line.line.label}`
      found.set(name, [...(found.get(name) ?? []), { line, lines: part.lines }])
    }
  }
  return new Map(Array.from(found, ([name, runs]) => [name, figuresOf(runs)]))
}

function figuresOf(runs: readonly { line: LineReport; lines: readonly LineReport[] }[]): Figures {
  const measurements = runs.flatMap(({ line }) => line.measurements)
  const ratios = runs.flatMap(({ line, lines }) => {
    const label = line.line.beside?.[0]?.floor
    const floor = lines.find((other) => other.line.label === label)?.measurements
    return line.measurements.flatMap(({ rate }, i) => {
      const other = floor?.[i]
      return other === undefined ? [] : rate / other.rate
    })
  })
  return {
    rate: median(measurements.map(({ rate }) => rate)),
    ofFloor: ratios.length === 0 ? undefined : median(ratios),
    cpuSecondsPerMillion: median(measurements.flatMap((each) => each.cpuSecondsPerMillion ?? [])),
  }
}

const median = (values: readonly number[]): number => quantile(values, 0.5)

/** Above 1 is faster; by the ratio to the floor if there is one, as the machine can't change it. */
const speedUp = ({ base, head }: Change): number =>
  base.ofFloor === undefined || head.ofFloor === undefined
    ? head.rate / base.rate
    : head.ofFloor / base.ofFloor

const cpuSpeedUp = ({ base, head }: Change): number =>
  base.cpuSecondsPerMillion / head.cpuSecondsPerMillion

const isSlower = (change: Change): boolean =>
  speedUp(change) < slowerBelow && cpuSpeedUp(change) < slowerBelow

function rowOf(change: Change): string {
  const { name, base, head } = change
  const isRemarkable = Math.abs(cpuSpeedUp(change) - 1) > remarkable
  const mark = isSlower(change) ? '**slower**' : isRemarkable ? 'look' : ''
  const of = ({ ofFloor }: Figures) => ofFloor?.toFixed(2) ?? ''
  const cells = [
    name,
    `${round(base.rate)} → ${round(head.rate)}`,
    `${of(base)} → ${of(head)}`,
    `${base.cpuSecondsPerMillion.toFixed(1)} → ${head.cpuSecondsPerMillion.toFixed(1)}`,
    speedUp(change).toFixed(2),
    mark,
  ]
  return `| ${cells.join(' | ')} |`
}

const round = (rate: number): string => Number(rate.toPrecision(3)).toLocaleString('en')

const commitOf = (reports: readonly Report[]): string =>
  reports[0]?.parts.flatMap((part) => ('commit' in part ? part.commit : []))[0] ?? 'unknown'
