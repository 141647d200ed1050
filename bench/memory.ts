import { withEmbeddedStores } from './embedded.ts'
import type { Part, PartOptions } from './part.ts'
import { modelNames, projectLive, replayModels } from './projecting.ts'

export const memoryPart = ({ memoryEvents }: PartOptions): Part => ({
  name: 'memory',
  title: 'Memory: all read models of a short log and of a long one, embedded',
  unit: 'events',
  needs: memoryEvents.map((events) => ({ name: 'log', events })),
  lines: memoryEvents.flatMap((events) => [
    { label: `replay ${millions(events)}`, subject: 'replay', events, models: modelNames },
    { label: `project ${millions(events)}`, subject: 'live', events, models: modelNames },
  ]),
  repetitions: 1,
  subjects: {
    live: (given) => withEmbeddedStores(given, projectLive),
    replay: (given) => withEmbeddedStores(given, replayModels),
  },
})

const millions = (events: number) => `${events / 1_000_000} million events`
