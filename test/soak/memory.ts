import { readFileSync } from 'node:fs'
import type { Member } from './member.ts'

export type MemoryOf = Readonly<{
  name: string
  /** Anonymous memory, in MiB: medians of the first and the last third of the run, and the most. */
  firstMiB: number | undefined
  lastMiB: number | undefined
  mostMiB: number
  /** Undefined if the run was too short to decide. */
  isFlat: boolean | undefined
}>

export type Sample = Readonly<{ at: number; ageMs: number; anonymousMiB: number }>

const everyMs = 2_000
/** After this time, caches, compiled code and buffers are filled. */
const warmMs = 60_000
const samplesMin = 20
const growthMax = 1.25
const growthMiBMax = 40

/** Samples the memory of processes until `end`; `undefined` if the system doesn't report it. */
export function sampleMemory(members: readonly Member[]) {
  const samples = new Map<string, Sample[]>(members.map(({ name }) => [name, []]))
  const look = () => {
    for (const member of members) {
      const anonymousMiB = anonymousMemory(member.pid())
      if (anonymousMiB === undefined) continue
      const at = Date.now()
      samples.get(member.name)?.push({ at, ageMs: at - member.startedAt(), anonymousMiB })
    }
  }
  const timer = setInterval(look, everyMs)
  return {
    end: (): readonly MemoryOf[] => {
      clearInterval(timer)
      return judgedMemory(samples)
    },
  }
}

/** Two processes of one role share its work, or one stands by: both may take as much memory. */
export function judgedMemory(samples: ReadonlyMap<string, readonly Sample[]>): readonly MemoryOf[] {
  const measured = [...samples].map(([name, taken]) => memoryOf(name, taken))
  return measured.map((each) => {
    const peers = measured.filter(({ name }) => roleOf(name) === roleOf(each.name))
    const firsts = peers.flatMap(({ firstMiB }) => firstMiB ?? [])
    const isKnown = firsts.length > 0 && each.lastMiB !== undefined
    const most = Math.max(...firsts) * growthMax + growthMiBMax
    return { ...each, isFlat: isKnown ? (each.lastMiB ?? 0) <= most : undefined }
  })
}

const roleOf = (name: string): string | undefined => name.split('-')[0]

function memoryOf(name: string, taken: readonly Sample[]): Omit<MemoryOf, 'isFlat'> {
  const begin = taken[0]?.at ?? 0
  const thirdMs = ((taken.at(-1)?.at ?? 0) - begin) / 3
  const warm = taken.filter(({ ageMs }) => ageMs >= warmMs)
  return {
    name,
    firstMiB: median(warm.filter(({ at }) => at < begin + thirdMs)),
    lastMiB: median(warm.filter(({ at }) => at >= begin + 2 * thirdMs)),
    mostMiB: Math.max(0, ...taken.map(({ anonymousMiB }) => anonymousMiB)),
  }
}

/** Undefined if there are too few samples. */
function median(samples: readonly Sample[]): number | undefined {
  if (samples.length < samplesMin) return undefined
  const sorted = samples.map(({ anonymousMiB }) => anonymousMiB).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

function anonymousMemory(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const [, kib] = /RssAnon:\s+(\d+)/.exec(status) ?? []
    return kib === undefined ? undefined : Number(kib) / 1024
  } catch {
    return undefined
  }
}
