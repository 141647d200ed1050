import type { ServerResponse } from 'node:http'
import { TradelogError } from '../domain/errors.ts'

/**
 * Rejects with `TIMEOUT` when the work takes longer, also where it doesn't heed its signal. The
 * signal stops it then, and as soon as the client has gone.
 */
export const withinTimeLimit = async <T>(
  { response, timeoutMs }: { response: ServerResponse; timeoutMs: number },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
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
  const onClose = () => stop('the client has gone')
  response.once('close', onClose)
  try {
    return await Promise.race([work(controller.signal), stopped])
  } finally {
    clearTimeout(timer)
    response.off('close', onClose)
  }
}
