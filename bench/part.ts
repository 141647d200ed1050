/** What one measurement gets to work with. It runs in a process of its own. */
export type Given = Readonly<{
  /** Folder of what all measurements of a run read: see `Need`. */
  prepared: string
  /** An empty folder of this measurement alone. */
  scratch: string
  /** Names the run, for topics and databases. */
  run: string
  events: number
  models: readonly string[]
  /** Rows of a page. */
  rows: number
  batchEventsMax: number
}>

export type Measured = Readonly<{
  /** Events, or requests. */
  count: number
  seconds: number
  /** Of the processor, all threads, in the same time; null where it wasn't measured. */
  cpuSeconds: number | null
  /** Further figures of this measurement, by name with unit. */
  figures?: Readonly<Record<string, number>>
  /** What it has made, where all lines of the part have to make the same. */
  held?: string
  /** Where the process that matters isn't the measuring one; null where that wasn't measured. */
  anonymousBytes?: number | null
}>

export type Subject = (given: Given) => Promise<Measured>

/** What has to be there before a part is measured; made once for a run. */
export type Need = Readonly<{ name: string; events: number }>

export type Line = Readonly<{
  label: string
  subject: string
  events: number
  models?: readonly string[]
  rows?: number
  /** The lines that do the same work on the bare store. */
  beside?: readonly Beside[]
  /** Events per second to reach. */
  aimRate?: number
  anonymousMbAtMost?: number
  /** What figures may be at most. */
  figuresAtMost?: Readonly<Record<string, number>>
}>

/** The label of another line, and which part of its rate is to be reached. */
type Beside = Readonly<{ floor: string; aim?: number }>

export type Part = Readonly<{
  name: string
  title: string
  unit: 'events' | 'requests' | 'trades'
  needs: readonly Need[]
  lines: readonly Line[]
  /** What a reader should know of the figures, whatever they are. */
  remark?: string
  /** Says which server took part. */
  server?: () => Promise<string>
  /** What can't be measured here though the part can, and why. */
  missing?: string
  /** Instead of the run's own. */
  repetitions?: number
  subjects: Readonly<Record<string, Subject>>
  /** Removes what the run left on servers. */
  cleanUp?: (run: string) => Promise<void>
}>

export type PartOptions = Readonly<{
  events: number
  peerEvents: number
  baselineEvents: number
  killEvents: number
  /** How long a short log is, and a long one. */
  memoryEvents: readonly number[]
  /** How many trades are stored where pages are read. */
  pagedTrades: readonly number[]
}>

/** A part, or why it can't be measured here. */
export type PartOrReason = Part | Readonly<{ name: string; reason: string }>

export const needFolder = (prepared: string, { name, events }: Need): string =>
  `${prepared}/${name}-${events}`

/** Runs the work and says how long it took. */
export async function timed(count: number, work: () => Promise<unknown>): Promise<Measured> {
  const watch = startWatch()
  await work()
  return { count, ...watch() }
}

/** Begins to measure; the answer ends it. */
export function startWatch() {
  const start = performance.now()
  const before = process.cpuUsage()
  return (): { seconds: number; cpuSeconds: number } => {
    const { user, system } = process.cpuUsage(before)
    return {
      seconds: (performance.now() - start) / 1_000,
      cpuSeconds: (user + system) / 1_000_000,
    }
  }
}
