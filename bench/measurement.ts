import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Given, Measured, Part } from './part.ts'
import { watchMemory } from './process-watch.ts'

export type Measurement = Readonly<{
  /** Per second. */
  rate: number
  /** Null if it wasn't measured. */
  cpuSecondsPerMillion: number | null
  /** The highest seen; null if the system doesn't report it. */
  anonymousBytes: number | null
  figures: Readonly<Record<string, number>>
  held: string | null
}>

/** Measures in a new process, so that memory and warm-up count only for this measurement. */
export async function measure(
  part: Part['name'],
  subject: string,
  given: Given,
): Promise<Measurement> {
  mkdirSync(given.scratch, { recursive: true })
  const program = join(import.meta.dirname, 'measure.js')
  const args = [...process.execArgv, program, part, subject, JSON.stringify(given)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const memory = watchMemory(child.pid ?? 0)
  // The run then fails with this error, and removes what it has made.
  const stop = (signal: NodeJS.Signals) => child.kill(signal)
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.once(signal, stop)
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
    return measurementOf(JSON.parse(output), memory.highest())
  } finally {
    memory.stop()
    for (const signal of signals) process.off(signal, stop)
  }
}

const measurementOf = (outcome: Measured, highest: number | null): Measurement => ({
  rate: outcome.count / outcome.seconds,
  cpuSecondsPerMillion:
    outcome.cpuSeconds === null ? null : (outcome.cpuSeconds / outcome.count) * 1_000_000,
  anonymousBytes: outcome.anonymousBytes === undefined ? highest : outcome.anonymousBytes,
  figures: outcome.figures ?? {},
  held: outcome.held ?? null,
})
