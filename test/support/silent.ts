import { pino } from 'pino'

/** A logger for tests that logs nothing. */
export const silent = pino({ level: 'silent' })
