import type { Logger } from 'pino'
import type { UnixMs } from '../domain/time.ts'
import type { Refusals } from './refusals.ts'

type Options = Readonly<{
  source: string
  refusals: Refusals
  logger: Logger
  now: () => UnixMs
}>

/** How far a recorded feed has been played to this connection. */
export type Play = Readonly<{
  /** A connection begins: the file is played to it from its first row. */
  begins: () => void
  taken: (trades: number) => void
  /** Every row of the file has come. */
  ended: () => void
  /** When they had; null before. */
  endedAt: () => UnixMs | null
}>

export function trackPlay({ source, refusals, logger, now }: Options): Play {
  let taken = 0
  let endedAt: UnixMs | null = null

  const ended = () => {
    endedAt = now()
    const refused = refusals.current()
    if (refused === null) return logger.info({ source, taken }, 'every row of the file has come')
    const { problem, rejected, sample } = refused
    logger.warn({ source, taken, rejected, sample }, `every row of the file has come: ${problem}`)
  }
  return {
    begins: () => {
      taken = 0
      endedAt = null
      refusals.clear()
    },
    taken: (trades) => {
      taken += trades
    },
    ended,
    endedAt: () => endedAt,
  }
}
