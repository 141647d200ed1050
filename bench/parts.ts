import { appendPart, fillLog, fillRawLog } from './append.ts'
import { baselinePart, killsPart } from './baseline/part.ts'
import { fillTopic, kafkaPart } from './kafka.ts'
import { livePart } from './live.ts'
import { memoryPart } from './memory.ts'
import { mongodbPart } from './mongodb.ts'
import { fillRawRows, fillRows, pagesPart } from './pages.ts'
import type { Given, PartOptions, PartOrReason, Subject } from './part.ts'
import { peersPart } from './peers/part.ts'
import { projectPart, replayPart } from './project.ts'

/** All parts, in the order of the report. */
export const partsOf = (options: PartOptions): readonly PartOrReason[] => [
  appendPart(options),
  projectPart(options),
  replayPart(options),
  pagesPart(options),
  livePart(),
  memoryPart(options),
  kafkaPart(options),
  mongodbPart(options),
  baselinePart(options),
  killsPart(options),
  peersPart(options),
]

/** The name under which a need is made, instead of a part's. */
export const preparation = 'prepare'

const preparations: Readonly<Record<string, Subject>> = {
  log: fillLog,
  topic: fillTopic,
  'raw-log': fillRawLog,
  rows: fillRows,
  'raw-rows': fillRawRows,
}

export function subjectOf(part: string, name: string, { events }: Given): Subject {
  const options = {
    events,
    peerEvents: events,
    baselineEvents: events,
    killEvents: events,
    memoryEvents: [],
    pagedTrades: [],
  }
  const found = partsOf(options).find((each) => each.name === part)
  const subjects = found !== undefined && 'subjects' in found ? found.subjects : preparations
  const subject = subjects[name]
  if (subject === undefined) throw new Error(`nothing to measure: ${part} ${name}`)
  return subject
}
