import type { ReadModelStore, Row } from '../../src/read-model-store/read-model-store.ts'

/** What read models hold in the end: enough to see whether programs have the same result. */
export type Held = Readonly<{
  trades: number
  /** Candles of a minute. */
  minutes: number
  /** The sum over those candles. */
  volume: number
  /** By symbol. */
  vwaps: Readonly<Record<string, number>>
}>

/** VWAPs with six digits: peers calculate with doubles. */
export function heldText({ trades, minutes, volume, vwaps }: Held): string {
  const each = Object.entries(vwaps)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([symbol, vwap]) => `${symbol} ${vwap.toFixed(6)}`)
  const counts = `${trades} trades, ${minutes} candles of a minute, volume ${Math.round(volume)}`
  return `${counts}, VWAP ${each.join(', ')}`
}

export async function heldIn(store: ReadModelStore): Promise<Held> {
  const trades = (await (await active(store, 'trades')).count()).rows
  const vwaps: Record<string, number> = {}
  await eachRow(store, 'vwap', ({ symbol, vwap }) => {
    vwaps[String(symbol)] = Number(vwap)
  })
  const candles = { minutes: 0, volume: 0 }
  await eachRow(store, 'candles', ({ interval, volume }) => {
    if (interval !== '1m') return
    candles.minutes++
    candles.volume += Number(volume)
  })
  return { trades, ...candles, vwaps }
}

async function active(store: ReadModelStore, model: string) {
  const pointer = await store.pointer(model)
  if (pointer === undefined) throw new Error(`${model} was not promoted`)
  return await store.open(pointer.active)
}

async function eachRow(store: ReadModelStore, model: string, take: (row: Row) => void) {
  for await (const rows of (await active(store, model)).scan()) {
    for (const { value } of rows) take(value)
  }
}
