import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'

export type { Logger }

export type LoggerOptions = Readonly<{
  level: string
  pretty: boolean
  /** Takes the entries instead of standard error. */
  write?: ((text: string) => void) | undefined
}>

const forPeople = {
  translateTime: 'SYS:HH:MM:ss',
  ignore: 'pid,hostname,component',
  messageFormat: '{if component}{component}: {end}{msg}',
} as const

/** State changes go to standard error: as JSON lines, or for people on a terminal. */
export const createLogger = ({ level, pretty: isPretty, write }: LoggerOptions): Logger => {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (write !== undefined) {
    const textOf = isPretty ? pretty.prettyFactory({ ...forPeople, colorize: true }) : String
    return pino(options, { write: (entry: string) => write(textOf(entry)) })
  }
  return isPretty
    ? pino(options, pretty({ ...forPeople, destination: 2, sync: true }))
    : pino(options, pino.destination({ fd: 2, sync: true }))
}
