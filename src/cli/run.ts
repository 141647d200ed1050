import { once } from 'node:events'
import { TradelogError } from '../domain/errors.ts'
import { inTime } from '../runtime/in-time.ts'
import { createLifetime } from '../runtime/lifetime.ts'
import type { Logger } from '../runtime/logger.ts'
import { systemCode } from '../runtime/system-code.ts'
import { type Command, type CommandContext, exitCodes } from './command.ts'

type Given = Pick<CommandContext, 'config' | 'flags' | 'names' | 'logger'>

const parentCheckEveryMs = 1_000

/**
 * Runs a command until it ends, SIGINT or SIGTERM comes, the npm that started it is gone, or its
 * output is closed. Then it closes what the command opened, within `timeouts.shutdown`. A second
 * signal exits at once.
 */
export async function run(command: Command, given: Given): Promise<number> {
  const stop = new AbortController()
  stopOnSignals(stop, given.logger)
  stopWithNpm(stop, given.logger)
  const output = openOutput(stop, given.logger)
  try {
    const code = await runUntilStopped(command, { ...given, print: output.print }, stop.signal)
    await output.written()
    if (output.failure() === undefined) return code
  } catch (error) {
    if (output.failure() === undefined) throw error
  }
  if (output.failure()?.code !== 'EPIPE') throw outputFailed(output.failure())
  return unfinished(command)
}

async function runUntilStopped(
  command: Command,
  given: Given & Pick<CommandContext, 'print'>,
  stop: AbortSignal,
): Promise<number> {
  const life = createLifetime()
  try {
    const running = command.run({ ...given, life, signal: stop })
    const code = await Promise.race([running, aborted(stop)])
    if (typeof code === 'number') return code
    await aborted(stop)
    exitAfter(given.config.timeouts.shutdownMs, given.logger)
    await inTime(given.config.timeouts.shutdownMs / 2, () => running.catch(() => {}))
    return unfinished(command)
  } finally {
    exitAfter(given.config.timeouts.shutdownMs, given.logger)
    await life.close()
  }
}

const unfinished = ({ exitCodeWhenUnfinished = exitCodes.ok }: Command): number =>
  exitCodeWhenUnfinished

function stopOnSignals(stop: AbortController, logger: Logger): void {
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(exitCodes.failed)
    logger.info('stopping')
    stop.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
}

/**
 * npm passes SIGTERM only to the shell of a script. The shell ends, this process runs on and gets
 * another parent. Windows has no such signal, and keeps the parent's id.
 */
function stopWithNpm(stop: AbortController, logger: Logger): void {
  if (process.env.npm_lifecycle_event === undefined) return
  const { ppid } = process
  const timer = setInterval(() => {
    if (process.ppid === ppid || stop.signal.aborted) return
    clearInterval(timer)
    logger.info('stopping: npm, which started this process, has ended')
    stop.abort()
  }, parentCheckEveryMs).unref()
}

/** Standard output. Its reader may close it before the command has ended: `verify | head -1`. */
function openOutput(stop: AbortController, logger: Logger) {
  let failure: NodeJS.ErrnoException | undefined
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    failure ??= error
    logger.debug({ code: error.code }, 'stopping: the output was closed')
    stop.abort()
  })
  return {
    print: (text: string) => void process.stdout.write(text),
    /** A failure may come after the last output. */
    written: () => new Promise<void>((resolve) => process.stdout.write('', () => resolve())),
    failure: () => failure,
  }
}

function outputFailed(cause: unknown): TradelogError {
  const code = systemCode(cause)
  const why = code === 'ENOSPC' ? 'no space is left where it goes: make room' : code
  const message = `the standard output can't be written: ${why ?? cause}`
  return new TradelogError('OUTPUT_FAILED', message, { cause })
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

function exitAfter(ms: number, logger: Logger) {
  setTimeout(() => {
    const open = process.getActiveResourcesInfo()
    logger.error({ open }, `not stopped within ${ms} ms; what was acknowledged is safe`)
    process.exit(exitCodes.failed)
  }, ms).unref()
}
