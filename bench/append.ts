import type { TradeExecuted } from '../src/domain/trade-executed.ts'
import { openEmbeddedEventStore } from '../src/event-store/embedded/embedded-event-store.ts'
import { type Measured, type Part, type PartOptions, type Subject, startWatch } from './part.ts'
import { openRawLog } from './raw-lmdb.ts'
import { partitions, tradeBatches } from './trades.ts'

type Log = Readonly<{
  append: (events: readonly TradeExecuted[]) => Promise<void>
  close: () => Promise<void>
}>

/** One append in flight. The time excludes making the trades. */
export async function appendAll(events: number, log: Log): Promise<Measured> {
  const total = { count: events, seconds: 0, cpuSeconds: 0 }
  for (const batch of tradeBatches(events)) {
    const watch = startWatch()
    await log.append(batch)
    const { seconds, cpuSeconds } = watch()
    total.seconds += seconds
    total.cpuSeconds += cpuSeconds
  }
  await log.close()
  return total
}

const appendTo = async (events: number, directory: string) =>
  appendAll(events, await openEmbeddedEventStore({ directory, partitions }))

const appendToRaw = (events: number, directory: string) => appendAll(events, openRawLog(directory))

const floor = 'raw LMDB, one put per event'

export const appendPart = ({ events }: PartOptions): Part => ({
  name: 'append',
  title: 'Append: 1,000 events at a time, as JSON, each time on disk',
  unit: 'events',
  remark:
    'An append is one entry a partition, not one an event: that is how it can beat the floor.',
  needs: [],
  lines: [
    { label: floor, subject: 'raw', events },
    { label: 'event store, embedded', subject: 'tradelog', events, beside: [{ floor, aim: 0.8 }] },
  ],
  subjects: {
    raw: fillRawLog,
    tradelog: fillLog,
  },
})

/** The logs that read models are made from. */
export const fillLog: Subject = ({ events, scratch }) => appendTo(events, scratch)
export const fillRawLog: Subject = ({ events, scratch }) => appendToRaw(events, scratch)
