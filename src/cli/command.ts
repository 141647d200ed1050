import type { ParseArgsConfig } from 'node:util'
import type { Config } from '../runtime/config/config.ts'
import type { Lifetime } from '../runtime/lifetime.ts'
import type { Logger } from '../runtime/logger.ts'

export const exitCodes = {
  ok: 0,
  /** Rows differ, the command failed, or it did not stop in time. */
  failed: 1,
  /** Bad arguments or settings, or a state in which the command must not run. */
  refused: 2,
} as const

export type Flags = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>

export type CommandContext = Readonly<{
  config: Config
  flags: Flags
  /** The arguments that are no flags; empty unless the command takes names. */
  names: readonly string[]
  logger: Logger
  /** Everything that the command opens is closed in reverse order when it ends or is stopped. */
  life: Lifetime
  /** Aborted by the first SIGINT or SIGTERM. */
  signal: AbortSignal
  print: (text: string) => void
}>

export type Command = Readonly<{
  options: NonNullable<ParseArgsConfig['options']>
  /** Groups of flags that exclude each other. */
  alternatives?: readonly (readonly string[])[]
  /** Whether it takes arguments that are no flags. */
  takesNames?: boolean
  /** Settings that its flags stand for, as environment variables. */
  environment?: (flags: Flags) => Readonly<Record<string, string>>
  /**
   * For a command that ends by itself: its exit code if a signal, a closed output or a retriable
   * error ends it before that. A role that is stopped exits with 0.
   */
  exitCodeWhenUnfinished?: number
  /** The exit code, or `until stopped` for a role that runs on. */
  run: (context: CommandContext) => Promise<number | 'until stopped'>
}>
