import { existsSync, readFileSync } from 'node:fs'

const sampleEveryMs = 25
const clockTicksPerSecond = 100

/** Watches the memory of a process; null if the system doesn't report it. */
export function watchMemory(pid: number) {
  let highest: number | null = null
  const sample = () => {
    const bytes = anonymousBytes(pid)
    if (bytes !== null) highest = Math.max(highest ?? 0, bytes)
  }
  const sampling = setInterval(sample, sampleEveryMs)
  return { highest: () => highest, stop: () => clearInterval(sampling) }
}

/** The memory of a process without mapped files, such as those of LMDB. */
export function anonymousBytes(pid: number): number | null {
  const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(procFile(pid, 'status')) ?? []
  return kilobytes === undefined ? null : Number(kilobytes) * 1_024
}

/** The processor time of all its threads so far; NaN if the system doesn't report it. */
export function cpuSecondsOf(pid: number): number {
  // The name, in parentheses, may have spaces in it.
  const [, fields = ''] = procFile(pid, 'stat').split(') ')
  const [user, system] = fields.split(' ').slice(11)
  return (Number(user) + Number(system)) / clockTicksPerSecond
}

function procFile(pid: number, name: string): string {
  const path = `/proc/${pid}/${name}`
  if (!existsSync(path)) return ''
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // It has just ended.
    return ''
  }
}
