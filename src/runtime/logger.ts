import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'

export type { Logger }

type LoggerOptions = Readonly<{
  level: string
  pretty: boolean
  /** Takes the entries instead of standard error. */
  write?: ((text: string) => void) | undefined
}>

const forPeople = {
  translateTime: 'SYS:HH:MM:ss',
  ignore: 'pid,hostname,component,generation,former',
  messageFormat: '{if component}{component}: {end}{msg}',
  singleLine: true,
} as const

/** State changes go to standard error: as JSON lines, or for people on a terminal. */
export function createLogger({ level, pretty: isPretty, write }: LoggerOptions): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  const standardError = pino.destination({ fd: 2, sync: true })
  if (!isPretty) return pino(options, write === undefined ? standardError : { write })
  const colors = write === undefined ? {} : { colorize: true }
  const textOf = pretty.prettyFactory({ ...forPeople, ...colors })
  const print = write ?? ((text: string) => standardError.write(text))
  return pino(options, { write: (entry: string) => print(textOf(shortened(JSON.parse(entry)))) })
}

type Entry = Readonly<Record<string, unknown>>

/** Removes the fields whose values the message contains: people read lines, not fields. */
function shortened(entry: Entry): Entry {
  const message = String(entry.msg)
  const isRepeat = (value: unknown) =>
    message.includes(Array.isArray(value) ? value.join(' ') : String(value))
  const isKept = ([name, value]: [string, unknown]) => alwaysKept.has(name) || !isRepeat(value)
  return Object.fromEntries(Object.entries(entry).filter(isKept))
}

/** pino makes a line from these. */
const alwaysKept: ReadonlySet<string> = new Set(['level', 'time', 'component', 'msg', 'err'])
