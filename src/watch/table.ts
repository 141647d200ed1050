import { fitted, type Style, styled } from './text.ts'

export type Column<Item> = Readonly<{
  title: string
  width: number
  align?: 'left' | 'right'
  /** The larger it is, the sooner the column is dropped if there is no room. */
  rank: number
  cell: (item: Item) => string
  style?: (item: Item) => Style | undefined
}>

const gap = '  '

/** A line of titles, then a line for each item; the least important columns are dropped first. */
export function table<Item>(
  columns: readonly Column<Item>[],
  items: readonly Item[],
  width: number,
): string[] {
  const shown = fitting(columns, width)
  const line = (cells: readonly string[]) => `${gap}${cells.join(gap)}`
  const titles = shown.map(({ title, width, align }) => styled(fitted(title, width, align), 'dim'))
  const rows = items.map((item) =>
    line(
      shown.map(({ cell, width, align, style }) =>
        styled(fitted(cell(item), width, align), style?.(item)),
      ),
    ),
  )
  return [line(titles), ...rows]
}

function fitting<Item>(columns: readonly Column<Item>[], width: number): readonly Column<Item>[] {
  const needed = columns.reduce((sum, column) => sum + gap.length + column.width, 0)
  if (needed <= width || columns.length === 1) return columns
  const last = Math.max(...columns.map(({ rank }) => rank))
  return fitting(
    columns.filter(({ rank }) => rank !== last),
    width,
  )
}
