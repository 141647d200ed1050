import { setTimeout as sleep } from 'node:timers/promises'
import { type ServerName, server } from '../support/servers.ts'
import type { Member } from './member.ts'

/** A process or a server that faults can hit. */
export type Target = Readonly<{
  name: string
  kill: () => Promise<void>
  revive: () => Promise<void>
  pause: () => Promise<void>
  resume: () => Promise<void>
}>

export type Fault = Readonly<{
  /** When, in milliseconds from the start. */
  atMs: number
  target: string
  kind: 'kill' | 'pause'
  /** How long it is away. */
  awayMs: number
}>

export const memberTarget = (member: Member): Target => ({
  name: member.name,
  kill: member.kill,
  revive: async () => member.start(),
  pause: async () => member.signal('SIGSTOP'),
  resume: async () => member.signal('SIGCONT'),
})

export const serverTarget = (name: ServerName): Target => ({
  name,
  kill: () => server('kill', name),
  revive: () => server('up', name),
  pause: () => server('pause', name),
  resume: () => server('resume', name),
})

/** One fault at a time: each ends before the next one begins. */
export function planFaults(options: {
  random: () => number
  targets: readonly Target[]
  everyMs: number
  untilMs: number
}): readonly Fault[] {
  const { random, targets, everyMs, untilMs } = options
  const count = Math.max(0, Math.ceil(untilMs / everyMs) - 1)
  return Array.from({ length: count }, (_, nth) => {
    const target = targets[Math.floor(random() * targets.length)]?.name ?? ''
    const kind = random() < 0.5 ? 'kill' : 'pause'
    const awayMs = Math.round(random() * everyMs * (kind === 'kill' ? 0.25 : 0.75))
    return { atMs: (nth + 1) * everyMs, target, kind, awayMs }
  })
}

/** Commits each fault at its time, and undoes it after its duration. */
export async function commitFaults(
  faults: readonly Fault[],
  { targets, print }: { targets: readonly Target[]; print: (text: string) => void },
): Promise<void> {
  const start = Date.now()
  for (const { atMs, target: name, kind, awayMs } of faults) {
    await sleep(Math.max(0, start + atMs - Date.now()))
    const target = targets.find((each) => each.name === name)
    if (target === undefined) throw new Error(`no target ${name}`)
    print(`${kind} ${name} for ${(awayMs / 1_000).toFixed(1)} s`)
    await target[kind]()
    await sleep(awayMs)
    await target[kind === 'kill' ? 'revive' : 'resume']()
  }
}
