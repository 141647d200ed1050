import { withEmbeddedStores } from './embedded.ts'
import {
  type Given,
  type Line,
  type Need,
  needFolder,
  type Part,
  type PartOptions,
  timed,
} from './part.ts'
import { build, modelNames, projectLive, replayModels } from './projecting.ts'
import { openRawLog, openRawRows } from './raw-lmdb.ts'
import { batchEvents, inBatches, partitions } from './trades.ts'

const readAndParse = 'raw LMDB: read one entry per event, parse'
const readParseAndPut = 'raw LMDB: read, parse, put the rows of trades'

const floorLines = (events: number): readonly Line[] => [
  { label: readAndParse, subject: 'read', events },
  { label: readParseAndPut, subject: 'readAndPut', events },
]

const floors = {
  read: (given: Given) =>
    withRawLog(given, (log) =>
      timed(given.events, async () => {
        let volume = 0
        for (const partition of partitionNumbers) {
          for (const { value } of log.read(partition)) volume += Number(value.volume)
        }
        if (volume === 0) throw new Error('the raw log is empty')
      }),
    ),
  readAndPut: (given: Given) =>
    withRawLog(given, async (log) => {
      const rows = openRawRows(given.scratch)
      const measured = await timed(given.events, async () => {
        await Promise.all(
          partitionNumbers.map(async (partition) => {
            for (const entries of inBatches(log.read(partition), batchEvents))
              await rows.put(entries)
          }),
        )
      })
      await rows.close()
      return measured
    }),
}

const partitionNumbers = Array.from({ length: partitions }, (_, partition) => partition)

type RawLog = ReturnType<typeof openRawLog>

async function withRawLog<T>(
  { prepared, events }: Given,
  work: (log: RawLog) => Promise<T>,
): Promise<T> {
  const log = openRawLog(needFolder(prepared, { name: 'raw-log', events }))
  try {
    return await work(log)
  } finally {
    await log.close()
  }
}

const modelLines = (verb: string, subject: string, events: number): readonly Line[] => [
  ...modelNames.map((name) => ({
    label: `${verb} ${name}`,
    subject,
    events,
    models: [name],
    beside: name === 'trades' ? [{ floor: readParseAndPut, aim: 0.9 }] : [{ floor: readAndParse }],
  })),
  {
    label: `${verb} all ${modelNames.length}`,
    subject,
    events,
    models: modelNames,
    beside: [{ floor: readAndParse, aim: 0.45 }, { floor: readParseAndPut }],
    aimRate: 100_000,
  },
]

const logsOf = (events: number): readonly Need[] => [
  { name: 'log', events },
  { name: 'raw-log', events },
]

export const projectPart = ({ events }: PartOptions): Part => ({
  name: 'project',
  title: 'Project live: embedded log to embedded read models, from nothing to the head',
  unit: 'events',
  remark:
    'Projectors that drift apart parse the log once each; catching up from nothing is the work of a ' +
    'replay, which parses once for all.',
  needs: logsOf(events),
  lines: [...floorLines(events), ...modelLines('project', 'live', events)],
  subjects: { ...floors, live: (given) => withEmbeddedStores(given, projectLive) },
})

export const replayPart = ({ events }: PartOptions): Part => ({
  name: 'replay',
  title: 'Replay: embedded log to embedded read models, built, counts checked, promoted',
  unit: 'events',
  needs: logsOf(events),
  lines: [
    ...floorLines(events),
    ...modelLines('replay', 'replay', events),
    {
      label: `build all ${modelNames.length} in one thread, without check and promotion`,
      subject: 'build',
      events,
      models: modelNames,
      beside: [{ floor: readAndParse }, { floor: readParseAndPut }],
    },
  ],
  subjects: {
    ...floors,
    build: (given) => withEmbeddedStores(given, build),
    replay: (given) => withEmbeddedStores(given, replayModels),
  },
})
