import { withEmbeddedStores } from './embedded.ts'
import type { Part, PartOptions } from './part.ts'
import { modelNames, projectLive, replayModels } from './projecting.ts'

export const memoryPart = ({ memoryEvents }: PartOptions): Part => ({
  name: 'memory',
  title: 'Growth: all read models of a short log and of long ones, embedded',
  unit: 'events',
  needs: memoryEvents.map((events) => ({ name: 'log', events })),
  lines: ['replay', 'project'].flatMap((verb) =>
    memoryEvents.map((events, i) => ({
      label: labelOf(verb, events),
      subject: verb,
      events,
      models: modelNames,
      anonymousMbAtMost,
      beside: i === 0 ? [] : [{ floor: labelOf(verb, memoryEvents[0] ?? 0) }],
    })),
  ),
  repetitions: 1,
  subjects: {
    project: (given) => withEmbeddedStores(given, projectLive),
    replay: (given) => withEmbeddedStores(given, replayModels),
  },
})

const anonymousMbAtMost = 256

const labelOf = (verb: string, events: number) => `${verb} ${events.toLocaleString('en')} events`
