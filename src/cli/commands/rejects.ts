import { join } from 'node:path'
import { openEventStore } from '../../compose.ts'
import { takeWriterRole } from '../../copy/logs.ts'
import { hasCode, TradelogError } from '../../domain/errors.ts'
import type { EventStore } from '../../event-store/event-store.ts'
import { liveProtocol } from '../../ingest/feeds/index.ts'
import { bringBack } from '../../ingest/rejects/bring-back.ts'
import { hasRejects, isUnfinished, readRejects } from '../../ingest/rejects/reader.ts'
import { feedSection } from '../../runtime/config/config.ts'
import { inDataDirectory, refuseMissing } from '../../runtime/files/data-directory.ts'
import { type Command, type CommandContext, exitCodes, type Flags } from '../command.ts'
import {
  broughtBackLines,
  createRejectList,
  jsonLine,
  rejectLine,
  summaryLines,
} from '../reject-lines.ts'

export const rejects: Command = {
  options: {
    limit: { type: 'string' },
    reason: { type: 'string' },
    json: { type: 'boolean' },
    replay: { type: 'boolean' },
  },
  alternatives: [['limit', 'replay']],
  exitCodeWhenUnfinished: exitCodes.failed,
  run: async (context) => {
    const { config, flags } = context
    const directory = join(config.dataDirectory, 'ingest')
    refuseMissing(config.dataDirectory)
    const work = flags.replay === true ? replay : list
    await inDataDirectory(config.dataDirectory, 'ingest', () => work(context, directory))
    return exitCodes.ok
  },
}

async function list({ flags, print }: CommandContext, directory: string): Promise<void> {
  const reason = reasonOf(flags)
  const { add, latest, summary } = createRejectList(limitOf(flags.limit), reason)
  for await (const lines of readRejects(directory)) lines.forEach(add)
  if (flags.json === true) {
    for (const each of latest()) print(jsonLine(each))
    const { unreadable } = summary()
    if (unreadable > 0) print(jsonLine({ unreadable }))
    return
  }
  for (const each of latest()) print(rejectLine(each, process.stdout.columns))
  const last = summaryLines(summary(), latest())
  if (await isUnfinished(directory)) last.push(unfinished)
  if (last.length === 0) last.push(nothing(directory, reason))
  print(last.map((line) => `${line}\n`).join(''))
}

const nothing = (directory: string, reason: string | undefined): string =>
  reason === undefined
    ? `nothing has been rejected: ${directory} lists no rejects`
    : `${directory} lists no reject with the reason ${reason}`

const unfinished = 'a replay of rejects was stopped: run `rejects --replay` again to carry it on'

async function replay(context: CommandContext, directory: string): Promise<void> {
  const { config, flags, logger, signal, life, print } = context
  const reason = reasonOf(flags)
  if (!(await hasRejects(directory))) {
    print(`nothing to bring back: ${directory} lists no rejects\n`)
    return
  }
  const eventStore = await openEventStore(context)
  life.own(await writerRole(context, eventStore))
  const result = await bringBack({
    directory,
    eventStore,
    protocolOf: (source) => liveProtocol(source, (name) => feedSection(config, name)),
    reason,
    now: Date.now,
    appendEventsMax: config.ingest.appendEventsMax,
    logger,
    signal,
  })
  if (flags.json === true) print(jsonLine({ kind: 'result', ...result }))
  else for (const line of broughtBackLines(result)) print(`${line}\n`)
}

/** Longer than the lease of a hung writer. */
const embeddedRoleWithinMs = 5_000

async function writerRole({ config, logger }: CommandContext, eventStore: EventStore) {
  const withinMs = config.eventStore === 'embedded' ? embeddedRoleWithinMs : undefined
  logger.info('becoming the active ingest; this takes a while if another process is')
  try {
    return await takeWriterRole(eventStore, withinMs)
  } catch (cause) {
    if (!hasCode(cause, 'NOT_THE_ACTIVE_WRITER')) throw cause
    const message = 'ingest is running in another process: stop it first, then run this again'
    throw new TradelogError('NOT_THE_ACTIVE_WRITER', message, { cause })
  }
}

const limitDefault = 50

function limitOf(text: unknown): number {
  if (text === undefined) return limitDefault
  if (/^[1-9][0-9]{0,6}$/.test(String(text))) return Number(text)
  throw new TradelogError('CONFIG_INVALID', '--limit must be a whole number from 1 on')
}

const reasonOf = ({ reason }: Flags): string | undefined =>
  typeof reason === 'string' ? reason : undefined
