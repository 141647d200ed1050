import { createLogger, type Logger } from '../../src/runtime/logger.ts'

type KeptEntry = Readonly<{
  level: number
  msg: string
  component?: string
  err?: unknown
  failures?: number
  times?: number
}>

/** A logger whose entries are kept, for a test to look at. */
export function keptLog(): Readonly<{ logger: Logger; entries: readonly KeptEntry[] }> {
  const entries: KeptEntry[] = []
  const write = (text: string) => void entries.push(JSON.parse(text))
  return { logger: createLogger({ level: 'debug', pretty: false, write }), entries }
}
