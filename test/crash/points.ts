import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const sourceFolder = resolve(import.meta.dirname, '../../../src')

/** Each point of the code with its file, as often as it occurs. */
export const pointsInCode = (): readonly Readonly<{ point: string; file: string }>[] =>
  readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const text = readFileSync(join(sourceFolder, file), 'utf8')
      const points = Array.from(text.matchAll(/crashPoint\('([^']+)'\)/g), ([, point]) => point)
      return points.map((point = '') => ({ point, file }))
    })

/** The points that a program can pass on this pair of stores: not those of other adapters. */
export function pointsOn(pair: {
  eventStore: string
  readModelStore: string
}): ReadonlySet<string> {
  const adapters: Readonly<Record<string, string>> = {
    'event-store': pair.eventStore,
    'read-model-store': pair.readModelStore,
  }
  const here = pointsInCode().filter(({ file }) => {
    const [folder = '', name = ''] = file.split('/')
    const adapter = adapters[folder]
    return adapter === undefined || name.startsWith(adapter)
  })
  return new Set(here.map(({ point }) => point))
}
