import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLifetime } from '../runtime/lifetime.ts'
import { type Command, type CommandContext, exitCodes } from './command.ts'

type Given = Pick<CommandContext, 'config' | 'flags' | 'names' | 'logger'>

/**
 * Runs a command until it ends or SIGINT or SIGTERM comes; then closes what it opened, within
 * `timeouts.shutdown`. A second signal exits at once.
 */
export const run = async (command: Command, given: Given): Promise<number> => {
  const life = createLifetime()
  const stop = stopOnSignals()
  const print = (text: string) => void process.stdout.write(text)
  try {
    const running = command.run({ ...given, life, signal: stop, print })
    const code = await Promise.race([running, aborted(stop)])
    if (typeof code === 'number') return code
    await aborted(stop)
    given.logger.info('stopping')
    exitAfter(given.config.timeouts.shutdownMs, given.logger)
    await Promise.race([
      running.catch(() => {}),
      sleep(given.config.timeouts.shutdownMs / 2, undefined, { ref: false }),
    ])
    return command.exitCodeWhenUnfinished ?? exitCodes.ok
  } finally {
    exitAfter(given.config.timeouts.shutdownMs, given.logger)
    await life.close()
  }
}

const stopOnSignals = (): AbortSignal => {
  const stop = new AbortController()
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(exitCodes.failed)
    stop.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return stop.signal
}

const aborted = async (signal: AbortSignal): Promise<void> => {
  if (!signal.aborted) await once(signal, 'abort')
}

const exitAfter = (ms: number, logger: Given['logger']) => {
  setTimeout(() => {
    const open = process.getActiveResourcesInfo()
    logger.error({ open }, `not stopped within ${ms} ms; what was acknowledged is safe`)
    process.exit(exitCodes.failed)
  }, ms).unref()
}
