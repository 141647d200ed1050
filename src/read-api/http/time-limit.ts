import type { EventEmitter } from 'node:events'
import { TradelogError } from '../../domain/errors.ts'

/**
 * Rejects with `TIMEOUT` if the work takes longer or `waiting` closes first, as the response of a
 * client that has disconnected does. Both abort the work's signal, but don't wait for the work.
 */
export async function withinTimeLimit<T>(
  { waiting, timeoutMs }: { waiting: Pick<EventEmitter, 'once' | 'off'>; timeoutMs: number },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  let stop: (message: string) => void = () => {}
  const stopped = new Promise<never>((_, reject) => {
    stop = (message) => {
      const error = new TradelogError('TIMEOUT', message)
      controller.abort(error)
      reject(error)
    }
  })
  const timer = setTimeout(() => stop(`took longer than ${timeoutMs} ms`), timeoutMs)
  const onClose = () => stop('the client has disconnected')
  waiting.once('close', onClose)
  try {
    return await Promise.race([work(controller.signal), stopped])
  } finally {
    clearTimeout(timer)
    waiting.off('close', onClose)
  }
}
