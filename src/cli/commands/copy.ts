import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { openEventStore } from '../../compose.ts'
import {
  type CopyResult,
  type CopySource,
  type CopyStep,
  type CopyTarget,
  copy as copyLog,
} from '../../copy/copy.ts'
import { fileSource, fileTarget, gzipTarget, isGzipName, streamTarget } from '../../copy/files.ts'
import { logSource, logTarget, refuseSameLog, takeWriterRole } from '../../copy/logs.ts'
import { TradelogError } from '../../domain/errors.ts'
import type { EventStore } from '../../event-store/event-store.ts'
import { loadConfig } from '../../runtime/config/config.ts'
import { type Command, type CommandContext, exitCodes } from '../command.ts'

export const copy: Command = {
  options: { from: { type: 'string' }, to: { type: 'string' }, json: { type: 'boolean' } },
  exitCodeWhenUnfinished: exitCodes.failed,
  run: async (context) => {
    const { flags, signal } = context
    const from = endOf('--from', flags.from ?? 'settings')
    const to = endOf('--to', flags.to)
    refuseSameFile(from, to)
    const { source, eventStore } = await openSource(context, from)
    const target = await openTarget(context, to, source, eventStore)
    const print = to.kind === 'stdout' ? printToStderr : context.print
    const isJson = flags.json === true
    const report = progressLines(print, source.total, isJson)
    const result = await copyLog({ source, target, signal, onProgress: report })
    print(isJson ? `${JSON.stringify({ kind: 'result', ...result })}\n` : resultLines(result))
    return exitCodes.ok
  },
}

type End = Readonly<{ kind: 'settings' | 'log' | 'file' | 'stdout'; path: string }>

function endOf(flag: string, value: unknown): End {
  const path = String(value ?? '')
  if (flag === '--from' && path === 'settings') return { kind: 'settings', path }
  if (flag === '--to' && path === '-') return { kind: 'stdout', path }
  if (/\.ya?ml$/.test(path)) return { kind: 'log', path }
  if (/\.(ndjson|jsonl)(\.gz)?$/.test(path)) return { kind: 'file', path }
  throw new TradelogError(
    'CONFIG_INVALID',
    `${flag} must name a settings file (.yaml) or a file of records (.ndjson, .ndjson.gz)`,
  )
}

function refuseSameFile(from: End, to: End): void {
  if (from.kind !== 'file' || to.kind !== 'file' || real(from.path) !== real(to.path)) return
  throw new TradelogError('COPY_REFUSED', 'source and target are the same file; name another')
}

function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}

/** Ignores the environment, which describes the store of the settings and not this one. */
function openLog(context: CommandContext, file: string): Promise<EventStore> {
  const { config } = loadConfig({ file, environment: {} })
  return openEventStore({ ...context, config })
}

async function openSource(
  context: CommandContext,
  { kind, path }: End,
): Promise<{ source: CopySource; eventStore?: EventStore }> {
  if (kind === 'file') return { source: await fileSource(path) }
  const eventStore =
    kind === 'settings' ? await openEventStore(context) : await openLog(context, path)
  return { source: await logSource(eventStore), eventStore }
}

async function openTarget(
  context: CommandContext,
  { kind, path }: End,
  { partitions }: CopySource,
  from?: EventStore,
): Promise<CopyTarget> {
  if (kind === 'stdout') return streamTarget(process.stdout, partitions)
  if (kind === 'file') {
    return (isGzipName(path) ? gzipTarget : fileTarget)(path, partitions)
  }
  const eventStore = await openLog(context, path)
  if (from !== undefined) await refuseSameLog(from, eventStore)
  context.logger.info("taking the writer's role in the target; up to 30 s if another has it")
  context.life.own(await takeWriterRole(eventStore))
  return logTarget(eventStore)
}

const printToStderr = (text: string) => void process.stderr.write(text)

const printEveryMs = 1_000

function progressLines(print: (text: string) => void, total: number | null, isJson: boolean) {
  let printedAt = Date.now()
  return (step: CopyStep, records: number): void => {
    const now = Date.now()
    if (now - printedAt < printEveryMs) return
    printedAt = now
    const all = total === null ? '' : ` of ${total.toLocaleString('en')}`
    const line = `${step}: ${records.toLocaleString('en')}${all} events`
    print(`${isJson ? JSON.stringify({ kind: 'progress', step, records, total }) : line}\n`)
  }
}

function resultLines({ copied, records, keys, digest }: CopyResult): string {
  const [now, all, symbols] = [copied, records, keys].map((count) => count.toLocaleString('en'))
  return `copied ${now} events; both hold ${all} of ${symbols} symbols\nsha256 ${digest}\n`
}
