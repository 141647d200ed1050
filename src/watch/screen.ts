import { areConnected, feedLines } from './feeds.ts'
import type { ReadModel, Watched, WatchState } from './state.ts'
import { type Column, table } from './table.ts'
import { fitted, fittedDecimal, progressBar, type Style, sparkline, styled } from './text.ts'

type Size = Readonly<{ columns: number; rows: number }>

/** The screen as lines, never more nor wider than the terminal. */
export function screen(state: WatchState, { columns, rows }: Size): string[] {
  const models = readModelLines(state, columns)
  const head = [headLine(state, columns), ...feedLines(state, columns), '']
  const foot = ['', styled(fitted('  q quits', columns), 'dim')]
  const room = rows - head.length - models.length - foot.length - 1
  const lines = [...head, ...symbolLines(state, columns, room), '', ...models, ...foot]
  return lines.slice(0, rows)
}

/** Shows the address in full if it fits: the reason of a lost connection is cut first. */
function headLine(state: WatchState, columns: number): string {
  const name = `  tradelog  ${state.api}`
  const [text, style] = signOf(state)
  const width = Math.min(text.length, Math.max(leastWidth, columns - name.length - 4))
  const left = Math.max(0, columns - width - 4)
  const sign = fitted(fitted(text, width), columns - left - gap.length)
  return styled(fitted(name, left), 'bold') + gap + styled(sign, style)
}

const leastWidth = '○ connecting'.length

const gap = '  '

function signOf({ connection, feeds }: WatchState): readonly [text: string, style: Style] {
  const { state, reason } = connection
  if (state === 'lost') return [`○ lost, trying again: ${reason.slice(0, 60)}`, 'red']
  if (state === 'connecting' || feeds === undefined) return ['○ connecting', 'yellow']
  return areConnected(feeds) ? ['● live', 'green'] : ['○ not live', 'yellow']
}

function symbolLines({ symbols, connection }: WatchState, columns: number, room: number) {
  if (symbols.size === 0) {
    const why = connection.state === 'live' ? 'no trades yet' : 'nothing received yet'
    return [styled(fitted(`  ${why}`, columns), 'dim')]
  }
  const all = [...symbols.values()].sort((a, b) => (a.tick.symbol < b.tick.symbol ? -1 : 1))
  const rowsMax = Math.max(1, room - 1)
  const shown = all.length > rowsMax ? all.slice(0, Math.max(1, rowsMax - 1)) : all
  const more = all.length - shown.length
  const rest = more === 0 ? [] : [styled(fitted(`  … and ${more} more`, columns), 'dim')]
  return [...table(symbolColumns(columns), shown, columns), ...rest]
}

function symbolColumns(columns: number): readonly Column<Watched>[] {
  const line = Math.max(8, Math.min(60, columns - fixedWidth))
  return [
    { title: 'symbol', width: 16, rank: 0, cell: ({ tick }) => tick.symbol },
    {
      title: 'price',
      width: priceWidth,
      align: 'right',
      rank: 0,
      cell: ({ tick }) => fittedDecimal(tick.price, priceWidth),
    },
    {
      title: 'change 50',
      width: changeWidth,
      align: 'right',
      rank: 1,
      cell: ({ tick }) => signed(tick.change, changeWidth),
      style: ({ tick }) => direction(tick.change),
    },
    {
      title: 'VWAP 50',
      width: vwapWidth,
      align: 'right',
      rank: 3,
      cell: ({ tick }) => (tick.vwap === null ? '–' : fittedDecimal(tick.vwap, vwapWidth)),
    },
    {
      title: 'trades',
      width: 12,
      align: 'right',
      rank: 2,
      cell: ({ tick }) => tick.trade_count.toLocaleString('en'),
    },
    {
      title: 'last prices',
      width: line,
      rank: 4,
      cell: ({ prices }) => sparkline(prices, line),
    },
  ]
}

const priceWidth = 12
const changeWidth = 10
const vwapWidth = 14

/** The width of a symbol's columns before its sparkline, with gaps and the right margin. */
const fixedWidth = 16 + priceWidth + changeWidth + vwapWidth + 12 + 6 * gap.length + gap.length

function signed(change: string | null, width: number): string {
  if (change === null) return '–'
  if (change === '0' || change.startsWith('-')) return fittedDecimal(change, width)
  return `+${fittedDecimal(change, width - 1)}`
}

function direction(change: string | null): Style | undefined {
  if (change === null || change === '0') return undefined
  return change.startsWith('-') ? 'red' : 'green'
}

const readModelLines = ({ readModels }: WatchState, columns: number): string[] =>
  readModels.length === 0
    ? []
    : [...table(readModelColumns, readModels, columns), ...problemLines(readModels, columns)]

/** Why a model has stopped, in full below the table. */
const problemLines = (readModels: readonly ReadModel[], columns: number): string[] =>
  readModels.flatMap(({ error }) =>
    error === null ? [] : [styled(fitted(`  ${error.code}: ${error.message}`, columns), 'red')],
  )

const readModelColumns: readonly Column<ReadModel>[] = [
  { title: 'read model', width: 13, rank: 0, cell: ({ name }) => name },
  { title: 'generation', width: 12, rank: 3, cell: (model) => generation(model) },
  {
    title: 'state',
    width: 11,
    rank: 1,
    cell: ({ state }) => state,
    style: (model) => stateStyle(model),
  },
  {
    title: 'lag',
    width: 9,
    align: 'right',
    rank: 1,
    cell: ({ lag }) => (lag === null ? '–' : lag.toLocaleString('en')),
  },
  {
    title: 'replay',
    width: 22,
    rank: 2,
    cell: (model) => replay(model),
    style: (model) => replayStyle(model),
  },
  {
    title: 'last verify (UTC)',
    width: 20,
    rank: 4,
    cell: (model) => verification(model),
    style: (model) => verificationStyle(model),
  },
]

function generation({ version, generation: id }: ReadModel): string {
  return id === null ? '–' : `v${version} ${id.slice(id.lastIndexOf('-') + 1)}`
}

function stateStyle({ state }: ReadModel): Style | undefined {
  if (state === 'caught up') return 'green'
  return ['stopped', 'frozen', 'stalled'].includes(state) ? 'red' : 'yellow'
}

const barCharacters = 10

function replay({ replay: progress }: ReadModel): string {
  if (progress === null) return '–'
  if (progress.state !== 'building') return progress.state
  const part = progress.events_total === 0 ? 1 : progress.events_done / progress.events_total
  const percent = `${Math.floor(Math.min(1, part) * 100)} %`
  return `${progressBar(part, barCharacters)} ${percent}${progress.is_stale ? ' stale' : ''}`
}

function replayStyle({ replay: progress }: ReadModel): Style | undefined {
  if (progress?.state === 'failed') return 'red'
  return progress?.state === 'building' ? 'yellow' : 'dim'
}

function verification({ verification: last }: ReadModel): string {
  return last === null ? '–' : `${last.result} ${last.finished_at.slice(11, 16)}`
}

function verificationStyle({ verification: last }: ReadModel): Style | undefined {
  if (last === null) return 'dim'
  return last.result === 'equal' ? 'green' : 'red'
}
