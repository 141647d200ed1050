import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'

export type { Logger }

export type LoggerOptions = Readonly<{ level: string; pretty: boolean }>

/** State changes go to standard error: as JSON lines, or for people on a terminal. */
export const createLogger = ({ level, pretty: forPeople }: LoggerOptions): Logger => {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (!forPeople) return pino(options, pino.destination({ fd: 2, sync: true }))
  return pino(
    options,
    pretty({
      destination: 2,
      sync: true,
      translateTime: 'SYS:HH:MM:ss',
      ignore: 'pid,hostname,component',
      messageFormat: '{if component}{component}: {end}{msg}',
    }),
  )
}
