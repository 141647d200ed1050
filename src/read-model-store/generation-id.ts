import { randomBytes } from 'node:crypto'
import type { UnixMs } from '../domain/time.ts'

/** Bytes of the random part: ids of one model and millisecond differ only by it. */
const randomBytesCount = 4

/** A new id, fit for a file or collection name: `candles-20261124t101500123-4f9a2c01`. */
export const newGenerationId = (model: string, createdAt: UnixMs): string =>
  `${model}-${timeText(createdAt)}-${randomBytes(randomBytesCount).toString('hex')}`

/** Whether a name has the form of a generation's id. */
export const isGenerationId = (name: string): boolean => pattern.test(name)

const pattern = /^.+-[0-9]{8}t[0-9]{9}-[0-9a-f]{8}$/

const timeText = (time: UnixMs): string =>
  new Date(time)
    .toISOString()
    .replace(/[-:.Z]/g, '')
    .toLowerCase()
