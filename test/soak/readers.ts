import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, get, type Symbols } from '../support/api-client.ts'

export type Asked = Readonly<{
  /** How often each answer came: a status, or `no answer`. */
  answers: Readonly<Record<string, number>>
  medianMs: number
  slowestMs: number
  /** Answers that no fault excuses. */
  wrong: readonly string[]
}>

const everyMs = 250
const timeoutMs = 30_000

const fewRoutes = ['/api/v1/symbols', '/api/v1/vwap', '/healthz'] as const
const moreRoutes = [
  '/api/v1/vwap/AAPL',
  '/api/v1/trades/AAPL?limit=15',
  '/api/v1/trades/TSLA?limit=100',
  '/api/v1/candles/AAPL?interval=1m',
  '/api/v1/candles/MSFT?interval=15m',
  '/api/v1/read-models',
] as const

/** While stores or processes are away, the API may only say so or not answer. */
const excused = new Set(['200', '503', '504', 'no answer'])

/** Asks the API again and again until it is ended; the trades of a symbol never become fewer. */
export function readApi(address: string, options: { fewRoutes: boolean }) {
  const routes = options.fewRoutes ? fewRoutes : [...fewRoutes, ...moreRoutes]
  const answers: Record<string, number> = {}
  const latenciesMs: number[] = []
  const wrong: string[] = []
  const counts = new Map<string, number>()
  let isOver = false

  const ask = async (route: string): Promise<void> => {
    const from = performance.now()
    const answer = await Promise.race([
      get<Symbols>(address + route).catch(() => undefined),
      sleep(timeoutMs, 'too late' as const, { ref: false }),
    ])
    if (answer === 'too late') return void wrong.push(`${route}: no answer in ${timeoutMs} ms`)
    const outcome = answer === undefined ? 'no answer' : String(answer.status)
    answers[outcome] = (answers[outcome] ?? 0) + 1
    if (outcome === '200') latenciesMs.push(performance.now() - from)
    // The first trades may not have arrived yet.
    const isEarly = outcome === '404' && counts.size < 6
    if (!excused.has(outcome) && !isEarly) wrong.push(`${route}: ${outcome}`)
    if (answer?.status === 200 && route === fewRoutes[0]) wrong.push(...fewer(counts, answer))
  }
  const asking = (async () => {
    for (let nth = 0; !isOver; nth++) {
      await ask(routes[nth % routes.length] ?? fewRoutes[0])
      await sleep(everyMs)
    }
  })()
  return {
    end: async (): Promise<Asked> => {
      isOver = true
      await asking
      latenciesMs.sort((a, b) => a - b)
      const medianMs = latenciesMs[Math.floor(latenciesMs.length / 2)] ?? 0
      return { answers, medianMs, slowestMs: latenciesMs.at(-1) ?? 0, wrong }
    },
  }
}

function fewer(counts: Map<string, number>, { data }: Answer<Symbols>): readonly string[] {
  const wrong = data.available
    .filter(({ symbol, trade_count }) => trade_count < (counts.get(symbol) ?? 0))
    .map(({ symbol, trade_count }) => `${symbol} went back to ${trade_count} trades`)
  for (const { symbol, trade_count } of data.available) counts.set(symbol, trade_count)
  return wrong
}
