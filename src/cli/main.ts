#!/usr/bin/env -S node --max-semi-space-size=24 --heap-growing-percent=150
import { parseArgs } from 'node:util'
import { TradelogError } from '../domain/errors.ts'
import { loadConfig } from '../runtime/config/config.ts'
import { type Command, exitCodes, type Flags } from './command.ts'
import { loggerOf } from './log.ts'
import { run } from './run.ts'
import { usage } from './usage.ts'

/** Loads only the command that runs: loading all of them would take most of its start. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  start: async () => (await import('./commands/start.ts')).start,
  ingest: async () => (await import('./commands/ingest.ts')).ingest,
  project: async () => (await import('./commands/project.ts')).project,
  api: async () => (await import('./commands/api.ts')).api,
  feed: async () => (await import('./commands/feed.ts')).feed,
  replay: async () => (await import('./commands/replay.ts')).replay,
  verify: async () => (await import('./commands/verify.ts')).verify,
  skip: async () => (await import('./commands/skip.ts')).skip,
  rejects: async () => (await import('./commands/rejects.ts')).rejects,
  copy: async () => (await import('./commands/copy.ts')).copy,
  watch: async () => (await import('./commands/watch.ts')).watch,
}

const say = (line: string) => process.stderr.write(`tradelog: ${line}\n`)

/** Bad arguments and settings end with exit code 2 and one line that says which. */
async function main(): Promise<number> {
  const [name = '', ...rest] = process.argv.slice(2)
  if (name === '' || name === 'help' || asksForHelp(name, ...rest)) {
    process.stdout.write(usage)
    return exitCodes.ok
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (load === undefined) {
    say(`no command is called ${name}; try: tradelog help`)
    return exitCodes.refused
  }
  const command = await load()
  try {
    return await start(command, rest)
  } catch (error) {
    say(error instanceof TradelogError ? `${error.code}: ${error.message}` : String(error))
    if (isRefusal(error)) return exitCodes.refused
    return command.exitCodeWhenUnfinished ?? exitCodes.failed
  }
}

const asksForHelp = (...args: readonly string[]): boolean =>
  args.includes('--help') || args.includes('-h')

function start(command: Command, rest: string[]): Promise<number> {
  const { values, positionals: names } = argumentsOf(command, rest)
  const { config: file, ...flags } = values
  for (const group of command.alternatives ?? []) refuseSeveral(group, flags)
  const { config, warnings } = loadConfig({
    ...(typeof file === 'string' ? { file } : {}),
    environment: { ...process.env, ...command.environment?.(flags) },
  })
  const logger = loggerOf(config)
  for (const warning of warnings) logger.warn(warning)
  return run(command, { config, flags, names, logger })
}

function argumentsOf(command: Command, args: string[]) {
  const options = { ...command.options, config: { type: 'string' } } as const
  try {
    return parseArgs({ args, options, allowPositionals: command.takesNames === true })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new TradelogError('CONFIG_INVALID', `${why}; try: tradelog help`, { cause })
  }
}

function refuseSeveral(group: readonly string[], flags: Flags): void {
  const given = group.filter((flag) => flags[flag] !== undefined).map((flag) => `--${flag}`)
  if (given.length < 2) return
  throw new TradelogError('CONFIG_INVALID', `${given.join(' and ')} can't be given together`)
}

const isRefusal = (error: unknown): boolean => error instanceof TradelogError && !error.retriable

// Everything is closed. Without `exit`, an unanswered request to a server could keep this running.
process.exit(await main())
