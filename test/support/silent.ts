import { pino } from 'pino'

/** A logger for tests: says nothing. */
export const silent = pino({ level: 'silent' })
