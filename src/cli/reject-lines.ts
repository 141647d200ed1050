import type { BroughtBack } from '../ingest/rejects/bring-back.ts'
import type { ReadLine } from '../ingest/rejects/files.ts'
import type { RejectLine } from '../ingest/rejects/line.ts'

type Counts = Readonly<Record<string, number>>

type RejectSummary = Readonly<{
  /** Rejects by reason. */
  reasons: Counts
  /** The earliest and the latest time of a reject; undefined if there is none. */
  span: readonly [from: string, to: string] | undefined
  notKept: number
  unreadable: number
}>

/** Of all lines, the latest to show, and what the whole says; with a reason, only its rejects. */
export function createRejectList(limit: number, reason: string | undefined) {
  const reasons: Record<string, number> = Object.create(null)
  let latest: RejectLine[] = []
  let span: RejectSummary['span']
  let notKept = 0
  let unreadable = 0

  const count = (line: RejectLine) => {
    if ('notKept' in line) {
      notKept += line.notKept
      return
    }
    const { reason: of, at } = line
    reasons[of] = (reasons[of] ?? 0) + 1
    const [from = at, ...later] = [...(span ?? []), at].sort()
    span = [from, later.at(-1) ?? from]
  }
  const add = ({ line }: ReadLine) => {
    if (line === undefined) unreadable += 1
    if (line === undefined) return
    if (reason !== undefined && !('reason' in line && line.reason === reason)) return
    count(line)
    latest.push(line)
    if (latest.length >= 2 * limit) latest = latest.slice(-limit)
  }
  return {
    add,
    latest: (): readonly RejectLine[] => latest.slice(-limit),
    summary: (): RejectSummary => ({ reasons, span, notKept, unreadable }),
  }
}

const textCharactersMax = 256

/** A line for people, as wide as the terminal if there is one. */
export function rejectLine(line: RejectLine, columns = Number.POSITIVE_INFINITY): string {
  if ('notKept' in line) return `and ${line.notKept} more, which were counted but not kept\n`
  const begin = `${bare(line.at)}  ${bare(line.reason)}  `
  const room = Math.min(textCharactersMax, Math.max(1, columns - begin.length - 2))
  return `${begin}"${cut(bare(line.text), room)}"\n`
}

/** A line for programs. */
export const jsonLine = (line: unknown): string => `${escaped(JSON.stringify(line))}\n`

export function summaryLines(summary: RejectSummary, latest: readonly RejectLine[]): string[] {
  const { reasons, span, notKept, unreadable } = summary
  const rejects = sumOf(reasons)
  const shown = latest.filter((line) => 'reason' in line).length
  const [from = '', to = ''] = span ?? []
  return [
    ...(shown < rejects ? [`the latest ${number(shown)} of ${number(rejects)} rejects`] : []),
    ...(rejects > 0
      ? [`${some(rejects, 'reject')} from ${bare(from)} to ${bare(to)}: ${listed(reasons)}`]
      : []),
    ...(notKept > 0 ? [`${number(notKept)} more were counted but not kept`] : []),
    ...unreadableLines(unreadable),
  ]
}

export function broughtBackLines(result: BroughtBack): readonly string[] {
  const { trades, known, refused, left, withoutTrade, unreadable } = result
  return [
    `brought back ${some(trades, 'trade')}`,
    ...(known > 0
      ? [`the log had ${number(known)} more already, from a run that was stopped`]
      : []),
    ...(sumOf(refused) > 0 ? [`still refused: ${listed(refused)}`] : []),
    ...(sumOf(left) > 0 ? [`left as they are: ${listed(left)}`] : []),
    ...(withoutTrade > 0
      ? [`${number(withoutTrade)} messages are understood now, and have no trade`]
      : []),
    ...unreadableLines(unreadable),
  ]
}

const unreadableLines = (unreadable: number): readonly string[] =>
  unreadable > 0
    ? [`lines that cannot be read: ${number(unreadable)} (damaged, or being written)`]
    : []

/** The most frequent first. */
const listed = (counts: Counts): string =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${bare(name)} ${number(count)}`)
    .join(', ')

const sumOf = (counts: Counts): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0)

const some = (count: number, what: string): string =>
  `${number(count)} ${what}${count === 1 ? '' : 's'}`

const number = (count: number): string => count.toLocaleString('en')

const cut = (text: string, charactersMax: number): string =>
  text.length <= charactersMax ? text : `${text.slice(0, charactersMax - 1)}…`

/** A foreign text as in JSON, without the quotes around it. */
const bare = (text: string): string => escaped(JSON.stringify(text)).slice(1, -1)

/** JSON escapes some control characters; a terminal obeys others, or turns the text around. */
const escaped = (json: string): string =>
  json.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, i) => {
      const code = character.charCodeAt(i).toString(16).padStart(4, '0')
      return `\\u${code}`
    }).join(''),
  )
