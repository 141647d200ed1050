import type { Fault } from './faults.ts'
import type { MemoryOf } from './memory.ts'
import type { SoakOptions } from './options.ts'
import type { Asked } from './readers.ts'

export type SoakReport = Readonly<{
  options: SoakOptions
  stores: string
  machine: string
  date: string
  /** Events in the log at the end, and the seconds in which trades flowed. */
  events: number
  flowSeconds: number
  catchUpSeconds: number
  faults: readonly Fault[]
  asked: Asked
  memory: readonly MemoryOf[]
  /** What `verify` said, a line for each read model. */
  verified: readonly string[]
  /** Empty when all is well. */
  failures: readonly string[]
}>

export function markdownOfSoak(report: SoakReport): string {
  const { options, events, flowSeconds, catchUpSeconds, asked, failures } = report
  const rate = Math.round(events / flowSeconds).toLocaleString('en')
  const verdict = failures.length === 0 ? 'all is well' : 'NOT well'
  return [
    `## ${report.stores}, ${options.minutes} min: ${verdict}`,
    `${report.date}, ${report.machine}, seed ${options.seed}.`,
    list([
      `${events.toLocaleString('en')} events, ${rate} a second (asked of the feed: ${options.tradesPerSecond.toLocaleString('en')}); caught up ${catchUpSeconds.toFixed(0)} s after the last trade`,
      `${report.faults.length} faults: ${countsOf(report.faults)}`,
      `API answers: ${pairs(asked.answers)}; median ${asked.medianMs.toFixed(1)} ms, slowest ${asked.slowestMs.toFixed(0)} ms`,
      ...report.verified.map((line) => `verify: ${line}`),
      ...failures.map((failure) => `**${failure}**`),
    ]),
    table(
      ['process', 'anonymous MiB, first third', 'last third', 'most', 'flat'],
      report.memory.map(({ name, firstMiB, lastMiB, mostMiB, isFlat }) => [
        name,
        firstMiB?.toFixed(0) ?? '–',
        lastMiB?.toFixed(0) ?? '–',
        mostMiB.toFixed(0),
        isFlat === undefined ? 'too short to tell' : String(isFlat),
      ]),
    ),
    '',
  ].join('\n\n')
}

const list = (items: readonly string[]): string => items.map((item) => `- ${item}`).join('\n')

function countsOf(faults: readonly Fault[]): string {
  const counts: Record<string, number> = {}
  for (const { kind, target } of faults) {
    counts[`${kind} ${target}`] = (counts[`${kind} ${target}`] ?? 0) + 1
  }
  return pairs(counts)
}

const pairs = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort()
    .map(([name, count]) => `${name}: ${count}`)
    .join(', ')

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
