import type { EventEmitter } from 'node:events'
import { TradelogError } from '../../domain/errors.ts'

/**
 * Rejects with `TIMEOUT` when the work takes longer, also where it doesn't heed its signal. The
 * signal stops it then, and as soon as what waits for it closes: the response of a client that has
 * gone.
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
  const onClose = () => stop('nobody waits for it any more')
  waiting.once('close', onClose)
  try {
    return await Promise.race([work(controller.signal), stopped])
  } finally {
    clearTimeout(timer)
    waiting.off('close', onClose)
  }
}
