import type { Skip } from './read-model-store.ts'

/** What a skip is kept under: a model leaves an event of a log out once. */
export const skipId = ({ model, partition, offset, origin }: Omit<Skip, 'why' | 'at'>): string =>
  `${model}:${partition}:${offset}:${origin}`
