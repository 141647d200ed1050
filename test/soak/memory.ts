import { readFileSync } from 'node:fs'
import type { Member } from './member.ts'

export type MemoryOf = Readonly<{
  name: string
  samples: number
  /** Anonymous memory, in MiB: medians of the first and the last third of the run, and the most. */
  firstMiB: number
  lastMiB: number
  mostMiB: number
  /** Undefined where the run was too short to tell. */
  isFlat: boolean | undefined
}>

export type Sample = Readonly<{ at: number; ageMs: number; anonymousMiB: number }>

const everyMs = 2_000
/** Caches, compiled code and buffers are there by then. */
const warmMs = 60_000
const samplesMin = 20
const growthMax = 1.25
const growthMiBMax = 40

/** Looks at the memory of processes until it is ended; `undefined` where the system doesn't tell. */
export const sampleMemory = (members: readonly Member[]) => {
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
      return [...samples].map(([name, taken]) => memoryOf(name, taken))
    },
  }
}

export const memoryOf = (name: string, taken: readonly Sample[]): MemoryOf => {
  const begin = taken[0]?.at ?? 0
  const thirdMs = ((taken.at(-1)?.at ?? 0) - begin) / 3
  const warm = taken.filter(({ ageMs }) => ageMs >= warmMs)
  const first = warm.filter(({ at }) => at < begin + thirdMs)
  const last = warm.filter(({ at }) => at >= begin + 2 * thirdMs)
  const [firstMiB, lastMiB] = [median(first), median(last)]
  const isKnown = first.length >= samplesMin && last.length >= samplesMin
  return {
    name,
    samples: taken.length,
    firstMiB,
    lastMiB,
    mostMiB: Math.max(0, ...taken.map(({ anonymousMiB }) => anonymousMiB)),
    isFlat: isKnown ? lastMiB <= firstMiB * growthMax + growthMiBMax : undefined,
  }
}

const median = (samples: readonly Sample[]): number => {
  const sorted = samples.map(({ anonymousMiB }) => anonymousMiB).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

const anonymousMemory = (pid: number | undefined): number | undefined => {
  if (pid === undefined) return undefined
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const [, kib] = /RssAnon:\s+(\d+)/.exec(status) ?? []
    return kib === undefined ? undefined : Number(kib) / 1024
  } catch {
    return undefined
  }
}
