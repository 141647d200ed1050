import type { Metrics } from '../../src/runtime/metrics.ts'

/** The value of one series, by its name and labels as written: `name{model="trades"}`. */
export type Values = (series: string) => number | undefined

/** Reads the part of Prometheus' text format that our metrics use. */
function valuesOf(text: string): Values {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const values = new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ')
      return [line.slice(0, end), Number(line.slice(end + 1))] as const
    }),
  )
  return (series) => values.get(series)
}

export const scrape = async (metrics: Metrics): Promise<Values> => valuesOf(await metrics.text())

/** Scrapes a running process. */
export async function scrapeUrl(url: string): Promise<Values> {
  const response = await fetch(url)
  if (response.status !== 200) throw new Error(`${url}: ${response.status}`)
  return valuesOf(await response.text())
}
