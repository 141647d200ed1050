import { join } from 'node:path'
import { TradelogError } from '../../domain/errors.ts'
import { type RejectLine, readRejects } from '../../ingest/reject-log.ts'
import { inDataDirectory } from '../../runtime/data-directory.ts'
import { type Command, exitCodes } from '../command.ts'

export const rejects: Command = {
  options: { limit: { type: 'string' }, json: { type: 'boolean' } },
  run: async ({ config, flags, print }) => {
    const limit = limitOf(flags.limit)
    const directory = join(config.dataDirectory, 'ingest')
    const all = await inDataDirectory(config.dataDirectory, () => readRejects(directory))
    const shown = all.slice(-limit)
    for (const each of shown) {
      print(flags.json === true ? `${JSON.stringify(each)}\n` : line(each))
    }
    if (flags.json === true) return exitCodes.ok
    if (all.length === 0) print(`nothing has been rejected: ${directory} lists no rejects\n`)
    if (all.length > shown.length) print(`the latest ${shown.length} of ${all.length} rejects\n`)
    return exitCodes.ok
  },
}

const limitDefault = 50

function limitOf(text: unknown): number {
  if (text === undefined) return limitDefault
  if (/^[1-9][0-9]{0,6}$/.test(String(text))) return Number(text)
  throw new TradelogError('CONFIG_INVALID', '--limit must be a whole number from 1 on')
}

/** The text is foreign input: as JSON it can't send control codes to the terminal. */
const line = (reject: RejectLine): string =>
  'notKept' in reject
    ? `and ${reject.notKept} more, which were counted but not kept\n`
    : `${reject.at}  ${reject.reason}  ${JSON.stringify(reject.text)}\n`
