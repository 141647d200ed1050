import { isMapping, type Mapping, valueAt } from './mapping.ts'

/** Settings of the Go platform that tradelog succeeds which have no use here, and why. */
const unused: Readonly<Record<string, string>> = {
  collection_name: 'each generation of a read model has its own collection',
  symbols_collection_name: 'each generation of a read model has its own collection',
}

/** Takes out of a file what only the Go platform used, with a warning for each. */
export function adoptPredecessor(
  settings: Mapping,
): Readonly<{ settings: Mapping; warnings: readonly string[] }> {
  const { mongodb } = settings
  if (!isMapping(mongodb)) return { settings, warnings: [] }
  const names = Object.keys(mongodb).filter((name) => Object.hasOwn(unused, name))
  const used = Object.entries(mongodb).filter(([name]) => !names.includes(name))
  return {
    settings: { ...settings, mongodb: Object.fromEntries(used) },
    warnings: names.map((name) => `mongodb.${name} is passed over: ${unused[name]}`),
  }
}

/** That platform had one store of each kind: what was given says which are meant. */
export const choicesImpliedBy = (given: Mapping): Mapping => ({
  ...(isGiven(given, 'kafka', 'broker_url') && { event_store: 'kafka' }),
  ...(isGiven(given, 'mongodb', 'url') && { read_model_store: 'mongodb' }),
  ...(isGiven(given, 'finnhub', 'token') && { feed: 'finnhub' }),
})

function isGiven(settings: Mapping, ...path: string[]): boolean {
  const value = valueAt(settings, path)
  return value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0)
}
