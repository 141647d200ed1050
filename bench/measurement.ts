import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Given, Measured, Part } from './part.ts'

export type Measurement = Readonly<{
  /** Per second. */
  rate: number
  cpuSecondsPerMillion: number
  /** Highest seen; null where the system doesn't tell. */
  anonymousBytes: number | null
  figures: Readonly<Record<string, number>>
}>

const sampleEveryMs = 25

/** Measures in a process of its own, so that memory and warm-up are its own. */
export const measure = async (
  part: Part['name'],
  subject: string,
  given: Given,
): Promise<Measurement> => {
  mkdirSync(given.scratch, { recursive: true })
  const program = join(import.meta.dirname, 'measure.js')
  const args = [...process.execArgv, program, part, subject, JSON.stringify(given)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let highest: number | null = null
  const sampling = setInterval(() => {
    const bytes = anonymousBytes(child.pid ?? 0)
    if (bytes !== null) highest = Math.max(highest ?? 0, bytes)
  }, sampleEveryMs)
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (code !== 0) throw new Error(`${part} ${subject} ended with ${code}`)
    return measurementOf(JSON.parse(output), highest)
  } finally {
    clearInterval(sampling)
  }
}

const measurementOf = (outcome: Measured, highest: number | null): Measurement => ({
  rate: outcome.count / outcome.seconds,
  cpuSecondsPerMillion: (outcome.cpuSeconds / outcome.count) * 1_000_000,
  anonymousBytes: outcome.anonymousBytes ?? highest,
  figures: outcome.figures ?? {},
})

/** What a process holds beside mapped files, such as those of LMDB. */
export const anonymousBytes = (pid: number): number | null => {
  const path = `/proc/${pid}/status`
  if (!existsSync(path)) return null
  try {
    const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(path, 'utf8')) ?? []
    return kilobytes === undefined ? null : Number(kilobytes) * 1_024
  } catch {
    // It has just ended.
    return null
  }
}
