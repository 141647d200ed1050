/** The input of one measurement, which runs in its own process. */
export type Given = Readonly<{
  /** The folder that all measurements of a run read from: see `Need`. */
  prepared: string
  /** An empty folder for this measurement only. */
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
  /** The processor time of all threads meanwhile; null if it wasn't measured. */
  cpuSeconds: number | null
  /** Further figures of this measurement, by name with unit. */
  figures?: Readonly<Record<string, number>>
  /** The result, if all lines of the part must have the same one. */
  held?: string
  /** Given if another process than the measuring one matters; null if that wasn't measured. */
  anonymousBytes?: number | null
}>

export type Subject = (given: Given) => Promise<Measured>

/** What a part needs before it is measured; made once for a run. */
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
  /** The upper bounds of figures. */
  figuresAtMost?: Readonly<Record<string, number>>
}>

/** The label of another line, and the part of its rate to reach. */
type Beside = Readonly<{ floor: string; aim?: number }>

export type Part = Readonly<{
  name: string
  title: string
  unit: 'events' | 'requests' | 'trades'
  needs: readonly Need[]
  lines: readonly Line[]
  /** What a reader of the figures should know. */
  remark?: string
  /** Says which server took part. */
  server?: () => Promise<string>
  /** What of the part can't be measured here, and why. */
  missing?: string
  /** Instead of the run's own. */
  repetitions?: number
  subjects: Readonly<Record<string, Subject>>
  /** Removes everything that the run has made on servers. */
  cleanUp?: (run: string) => Promise<void>
}>

export type PartOptions = Readonly<{
  events: number
  peerEvents: number
  baselineEvents: number
  killEvents: number
  /** How long a short log is, and a long one. */
  memoryEvents: readonly number[]
  /** How many trades are stored when pages are read. */
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

/** Begins to measure; the returned function ends it. */
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
