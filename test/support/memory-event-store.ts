import { Observable, type Subscriber } from 'rxjs'
import { TradelogError } from '../../src/domain/errors.ts'
import { encodeEvent, eventKey, type TradelogEvent } from '../../src/domain/event.ts'
import { partitionOf } from '../../src/domain/partition.ts'
import type { RawRecord, RecordedEvent } from '../../src/domain/recorded-event.ts'
import type {
  Batch,
  BatchesOptions,
  EventStore,
  PartitionBounds,
  Slice,
} from '../../src/event-store/event-store.ts'

/** What the stores of several processes share. */
export type MemoryLog = Readonly<{
  partitions: MemoryPartition[]
  groups: Map<string, Set<Member>>
  /** Arrays already appended: the same one again is the same append. */
  appended: Set<readonly TradelogEvent[]>
  /** Of arrays appended part by part: their events by partition. */
  parts: WeakMap<readonly TradelogEvent[], readonly (readonly TradelogEvent[])[]>
  /** The candidates for a role; the first holds it. */
  roles: Map<string, Candidate[]>
  /** Called once, at the next append. */
  waiting: Set<() => void>
  /** Chooses one of so many: who gets a partition, how long a slice or unused offsets are. */
  choose: (count: number) => number
  /** The record time of an append; by default each event has its own time. */
  now: (() => number) | undefined
}>

type Candidate = Readonly<{ owner: object; elected: () => void; expelled: () => void }>

type MemoryPartition = { head: number; records: RecordedEvent[] }

type Member = Readonly<{
  owner: object
  assign: (partitions: readonly number[]) => void
  expelled: () => void
}>

type LogOptions = Readonly<{ partitions: number }> & Partial<Pick<MemoryLog, 'choose' | 'now'>>

export const memoryLog = ({ partitions, choose = () => 0, now }: LogOptions): MemoryLog => ({
  partitions: Array.from({ length: partitions }, () => ({ head: 0, records: [] })),
  groups: new Map(),
  appended: new Set(),
  parts: new WeakMap(),
  roles: new Map(),
  waiting: new Set(),
  choose,
  now,
})

/**
 * Runs each operation: others may run first, and it may reject. If it rejects after the effect has
 * run, the operation was done and its answer lost.
 */
export type Perform = <T>(label: string, effect: () => T) => Promise<Awaited<T>>

type MemoryEventStoreOptions = Readonly<{
  log: MemoryLog
  perform?: Perform
  /** Fewer than so many offsets stay unused before an event. */
  gapsBelow?: number
  /** The events of each partition in an append are a separate operation, as in Kafka. */
  inParts?: boolean
  /** The process, for `expel`. */
  owner?: object
}>

/** A log in memory, of which each store stands for one process. */
export function openMemoryEventStore({
  log,
  perform = atOnce,
  gapsBelow = 1,
  inParts = false,
  owner = {},
}: MemoryEventStoreOptions): EventStore {
  const membership = { log, perform, owner }
  const elected = new Map<string, Candidate>()
  /** Refuses an append that began before an election was lost, even if the next one is won. */
  const appendOne = (events: readonly TradelogEvent[], at: number | undefined) => {
    const writer = elected.get(writerRole)
    return perform('append', () => {
      const [holder] = log.roles.get(writerRole) ?? []
      if (writer !== undefined && holder !== writer) throw notTheActiveWriter()
      append(log, events, { gapsBelow, at })
    })
  }
  return {
    append: async (events) => {
      const parts = inParts ? partsOf(log, events) : [events]
      const at = log.now?.()
      const ends = await Promise.allSettled(parts.map((part) => appendOne(part, at)))
      for (const end of ends) if (end.status === 'rejected') throw end.reason
    },
    heads: () => perform('heads', () => boundsOf(log)),
    batches: (batches) => new Observable((subscriber) => join(membership, batches, subscriber)),
    read: async function* ({ partition, from, to, batchEventsMax, signal }) {
      for (let at = from; at < to; ) {
        const end = Math.min(to, log.partitions[partition]?.head ?? 0)
        const slice = await perform('read', () => sliceOf(log, partition, at, end, batchEventsMax))
        signal?.throwIfAborted()
        if (slice === undefined) return
        yield slice
        at = slice.to
      }
    },
    appendRaw: (records) => perform('append raw', () => appendRaw(log, records)),
    readRaw: async function* ({ partition, from, to }) {
      const records = await perform('read raw', () => log.partitions[partition]?.records ?? [])
      yield records.filter(({ offset }) => offset >= from && offset < to).map(rawOf)
    },
    elect: (role) => election(membership, role, (candidate) => elected.set(role, candidate)),
    close: async () => expel(log, owner),
  }
}

/** Takes the partitions of a process that is, or seems, dead and gives them to others. */
export function expel(log: MemoryLog, owner: object): void {
  for (const members of log.groups.values()) {
    const gone = [...members].filter((member) => member.owner === owner)
    for (const member of gone) {
      members.delete(member)
      member.expelled()
    }
    if (gone.length > 0) shareOut(log, members)
  }
  for (const [role, candidates] of log.roles) {
    const [gone, left] = [true, false].map((isOwner) =>
      candidates.filter((of) => (of.owner === owner) === isOwner),
    )
    log.roles.set(role, left ?? [])
    for (const candidate of gone ?? []) candidate.expelled()
    left?.[0]?.elected()
  }
}

const writerRole = 'ingest'

/** The candidate that has waited longest holds the role; an expelled one rejoins. */
const election = (
  { log, perform, owner }: Membership,
  role: string,
  onElected: (candidate: Candidate) => void,
) =>
  new Observable<boolean>((subscriber) => {
    const notify = (label: string, then: () => void) =>
      void perform(label, () => {
        if (!subscriber.closed) then()
      }).catch((error) => subscriber.error(error))
    let current: Candidate | undefined
    const isHolder = () => current !== undefined && log.roles.get(role)?.[0] === current
    const elected = () =>
      notify('elected', () => {
        if (current === undefined || !isHolder()) return
        onElected(current)
        subscriber.next(true)
      })
    const expelled = () =>
      notify('deposed', () => {
        subscriber.next(false)
        stand()
      })
    const stand = () =>
      notify('stand', () => {
        current = { owner, elected, expelled }
        log.roles.set(role, [...(log.roles.get(role) ?? []), current])
        if (isHolder()) elected()
      })
    subscriber.next(false)
    stand()
    return () => {
      const left = (log.roles.get(role) ?? []).filter((of) => of !== current)
      const wasHolder = isHolder()
      log.roles.set(role, left)
      if (wasHolder) left[0]?.elected()
    }
  })

function partsOf(log: MemoryLog, events: readonly TradelogEvent[]) {
  const known = log.parts.get(events)
  if (known !== undefined) return known
  const byPartition = new Map<number, TradelogEvent[]>()
  for (const event of events) {
    const partition = partitionOf(event.symbol, log.partitions.length)
    byPartition.set(partition, [...(byPartition.get(partition) ?? []), event])
  }
  const parts = [...byPartition.values()]
  log.parts.set(events, parts)
  return parts
}

const notTheActiveWriter = () =>
  new TradelogError('NOT_THE_ACTIVE_WRITER', 'another process has become the active ingest')

const atOnce = async <T>(_label: string, effect: () => T): Promise<Awaited<T>> => await effect()

function append(
  log: MemoryLog,
  events: readonly TradelogEvent[],
  { gapsBelow, at }: Readonly<{ gapsBelow: number; at: number | undefined }>,
): void {
  if (log.appended.has(events)) return
  log.appended.add(events)
  for (const event of events) {
    const partition = partitionOf(event.symbol, log.partitions.length)
    const to = log.partitions[partition]
    if (to === undefined) continue
    const offset = to.head + log.choose(gapsBelow)
    to.records.push({ partition, offset, recordedAt: at ?? timeOf(event), event })
    to.head = offset + 1
  }
  const waiting = [...log.waiting]
  log.waiting.clear()
  for (const wake of waiting) wake()
}

const timeOf = (event: TradelogEvent) =>
  event.type === 'TradeExecuted' ? event.executedAt : (event.until ?? event.from)

function appendRaw(log: MemoryLog, records: readonly RawRecord[]): void {
  for (const { partition, recordedAt, value } of records) {
    const to = log.partitions[partition]
    const event = JSON.parse(value ?? '') as TradelogEvent
    to?.records.push({ partition, offset: to.head++, recordedAt, event })
  }
}

function rawOf({ event, ...position }: RecordedEvent): RawRecord {
  return { ...position, key: eventKey(event), value: encodeEvent(event) }
}

const boundsOf = ({ partitions }: MemoryLog): readonly PartitionBounds[] =>
  partitions.map(({ head }, partition) => {
    return { partition, start: 0, head, origin: head === 0 ? null : originOf(partition) }
  })

const originOf = (partition: number) => `memory:${partition}`

function sliceOf(
  log: MemoryLog,
  partition: number,
  from: number,
  to: number,
  eventsMax: number,
): Slice | undefined {
  const records = log.partitions[partition]?.records ?? []
  const rest = records.filter(({ offset }) => offset >= from && offset < to)
  const events = rest.slice(0, 1 + log.choose(eventsMax))
  const last = events.at(-1)
  if (last !== undefined) return { partition, from, to: last.offset + 1, events }
  return from < to ? { partition, from, to, events } : undefined
}

function shareOut({ partitions, choose }: MemoryLog, members: ReadonlySet<Member>): void {
  const all = [...members]
  const holders = partitions.map(() => all[choose(all.length)])
  for (const member of all) {
    member.assign(holders.flatMap((holder, partition) => (holder === member ? [partition] : [])))
  }
}

type Membership = Readonly<{ log: MemoryLog; perform: Perform; owner: object }>

/** `perform` delays a new assignment; until then the member reads on with its former one. */
function join(
  { log, perform, owner }: Membership,
  { group, startFrom, batchEventsMax }: BatchesOptions,
  subscriber: Subscriber<Batch>,
) {
  const members = log.groups.get(group) ?? new Set()
  log.groups.set(group, members)
  let epoch = 0
  let latest: readonly number[] = []

  const begin = async (partitions: readonly number[]) => {
    latest = partitions
    await perform('assignment', () => {})
    if (partitions !== latest) return
    const mine = ++epoch
    const bounds = boundsOf(log).filter(({ partition }) => partitions.includes(partition))
    const start = await startFrom(bounds)
    for (const partition of partitions) follow(mine, partition, start.get(partition) ?? 0)
  }
  const follow = (mine: number, partition: number, from: number) =>
    void deliver(mine, partition, from).catch((error) => subscriber.error(error))

  const deliver = async (mine: number, partition: number, start: number) => {
    for (let from = start; mine === epoch && !subscriber.closed; ) {
      const slice = await perform('fetch', () => {
        const head = log.partitions[partition]?.head ?? 0
        return sliceOf(log, partition, from, head, batchEventsMax)
      })
      if (mine !== epoch || subscriber.closed) return
      if (slice === undefined) await new Promise<void>((resolve) => log.waiting.add(resolve))
      else {
        await new Promise<void>((ack) => {
          subscriber.next({ ...slice, origin: originOf(partition), ack })
        })
        from = slice.to
      }
    }
  }

  /** The member reads on until a heartbeat is answered. */
  const leave = async () => {
    do await perform('heartbeat', () => {})
    while (log.choose(4) > 0)
    throw expelled(group)
  }

  const member: Member = {
    owner,
    expelled: () => void leave().catch((error) => subscriber.error(error)),
    assign: (partitions) => void begin(partitions).catch((error) => subscriber.error(error)),
  }
  const enter = () => {
    if (subscriber.closed) return
    members.add(member)
    shareOut(log, members)
  }
  void perform('join', enter).catch((error) => subscriber.error(error))
  return () => {
    if (members.delete(member)) shareOut(log, members)
  }
}

const expelled = (group: string) =>
  new TradelogError('EVENT_STORE_UNAVAILABLE', `this process is no longer in group ${group}`)
