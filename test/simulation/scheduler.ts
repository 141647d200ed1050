/** A process of the simulation. A dead one gets no answers. */
export type Actor = { readonly name: string; isAlive: boolean; hangsUntil: number }

type Task = Readonly<{
  actor: Actor
  label: string
  dueAt: number
  run: () => void
  /** Sent like a request: it may run after its actor has died. */
  isSent: boolean
}>

/** Decides all in a simulation: which pending operation is next, the time, random numbers. */
export type Scheduler = Readonly<{
  now: () => number
  /** From 0 up to 1, by the seed. */
  random: () => number
  /** A random integer below `count`, by the seed. */
  choose: (count: number) => number
  /** The actor whose operation ran last: what runs until the next one belongs to it. */
  current: () => Actor
  /** Runs at its time or later, in an order that the seed chooses. Returns how to cancel it. */
  add: (actor: Actor, label: string, delayMs: number, run: () => void) => () => void
  /** The same for a request: it may take effect even if its actor dies. */
  send: (actor: Actor, label: string, delayMs: number, run: () => void) => void
  /** Whether an operation of the actor is still pending. */
  hasPending: (actor: Actor) => boolean
  /** Ends an actor between two of its operations. */
  kill: (actor: Actor) => void
  /** Runs operations until the check is true; returns false if it isn't within the limit. */
  runUntil: (isDone: () => boolean, stepsMax: number, beforeStep?: () => void) => Promise<boolean>
  steps: () => number
}>

/** The first millisecond of an hour, late in 2025. */
const startedAt = 1_763_643_600_000

/** How often time passes though an operation is ready, so that timers overtake operations. */
const overtakeRate = 0.03

export function createScheduler(
  random: () => number,
  trace: (line: () => string) => void,
): Scheduler {
  let tasks: Task[] = []
  let now = startedAt
  let steps = 0
  let current: Actor = { name: 'nobody', isAlive: true, hangsUntil: 0 }
  const choose = (count: number) => Math.floor(random() * count)
  const readyAt = ({ dueAt, actor }: Task) => Math.max(dueAt, actor.hangsUntil)

  const passTime = () => {
    let next = Infinity
    for (const task of tasks) {
      const at = readyAt(task)
      if (at > now && at < next) next = at
    }
    if (next < Infinity) now = next
  }
  const pick = (): Task | undefined => {
    if (random() < overtakeRate) passTime()
    let ready = tasks.filter((task) => readyAt(task) <= now)
    if (ready.length === 0) {
      passTime()
      ready = tasks.filter((task) => readyAt(task) <= now)
    }
    return ready[choose(ready.length)]
  }
  const step = (): boolean => {
    const task = pick()
    if (task === undefined) return false
    tasks.splice(tasks.indexOf(task), 1)
    current = task.actor
    steps += 1
    trace(() => `${String(now - startedAt).padStart(6)} ms  ${task.actor.name}: ${task.label}`)
    task.run()
    return true
  }

  const push = (isSent: boolean, actor: Actor, label: string, delayMs: number, run: () => void) => {
    const dueAt = now + Math.max(0, Math.ceil(delayMs))
    const task = { actor, label, dueAt, run, isSent }
    if (actor.isAlive) tasks.push(task)
    return task
  }

  return {
    now: () => now,
    random,
    choose,
    current: () => current,
    add: (...task) => {
      const added = push(false, ...task)
      return () => {
        tasks = tasks.filter((other) => other !== added)
      }
    },
    send: (...task) => void push(true, ...task),
    hasPending: (actor) => tasks.some((task) => task.actor === actor),
    kill: (actor) => {
      actor.isAlive = false
      tasks = tasks.filter((task) => task.actor !== actor || (task.isSent && choose(2) === 0))
    },
    runUntil: async (isDone, stepsMax, beforeStep = () => {}) => {
      const end = steps + stepsMax
      while (!isDone()) {
        if (steps >= end) return false
        beforeStep()
        if (!step()) return isDone()
        await settled()
      }
      return true
    },
    steps: () => steps,
  }
}

/** A tick comes after all callbacks of settled promises, and before any I/O of the real world. */
const settled = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))
