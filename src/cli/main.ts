#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { TradelogError } from '../domain/errors.ts'
import { loadConfig } from '../runtime/config.ts'
import { createLogger } from '../runtime/logger.ts'
import { type Command, exitCodes } from './command.ts'
import { commands } from './commands.ts'
import { run } from './run.ts'
import { usage } from './usage.ts'

const say = (line: string) => process.stderr.write(`tradelog: ${line}\n`)

/** Bad arguments and settings end with exit code 2 and one line that says which. */
const main = async (): Promise<number> => {
  const [name = '', ...rest] = process.argv.slice(2)
  if (['', 'help', '--help', '-h'].includes(name)) {
    process.stdout.write(usage)
    return exitCodes.ok
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) {
    say(`no command is called ${name}; try: tradelog help`)
    return exitCodes.refused
  }
  try {
    return await start(command, rest)
  } catch (error) {
    say(error instanceof TradelogError ? `${error.code}: ${error.message}` : String(error))
    return isRefusal(error) ? exitCodes.refused : exitCodes.failed
  }
}

const start = (command: Command, rest: string[]): Promise<number> => {
  const { values } = parseArgs({
    args: rest,
    options: { ...command.options, config: { type: 'string' } },
  })
  const { config: file, ...flags } = values
  const { config, warnings } = loadConfig({
    ...(typeof file === 'string' ? { file } : {}),
    environment: { ...process.env, ...command.environment?.(flags) },
  })
  const logger = createLogger({
    level: config.log.level,
    pretty: config.log.pretty === 'auto' ? process.stderr.isTTY === true : config.log.pretty,
  })
  for (const warning of warnings) logger.warn(warning)
  return run(command, { config, flags, logger })
}

const isRefusal = (error: unknown): boolean =>
  error instanceof TradelogError
    ? !error.retriable
    : String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS')

// Everything is closed: what a server that hangs still owes an answer to is not waited for.
process.exit(await main())
