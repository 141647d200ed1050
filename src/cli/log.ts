import type { Config } from '../runtime/config/config.ts'
import { createLogger, type Logger } from '../runtime/logger.ts'

/** The logger of a command, as the settings say; `auto` is pretty if stderr is a terminal. */
export const loggerOf = ({ log }: Config, write?: (text: string) => void): Logger =>
  createLogger({
    level: log.level,
    pretty: log.pretty === 'auto' ? process.stderr.isTTY === true : log.pretty,
    write,
  })
