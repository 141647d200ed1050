import type { Command } from './command.ts'
import { api } from './commands/api.ts'
import { copy } from './commands/copy.ts'
import { feed } from './commands/feed.ts'
import { ingest } from './commands/ingest.ts'
import { project } from './commands/project.ts'
import { rejects } from './commands/rejects.ts'
import { replay } from './commands/replay.ts'
import { skip } from './commands/skip.ts'
import { start } from './commands/start.ts'
import { verify } from './commands/verify.ts'
import { watch } from './commands/watch.ts'

export const commands: Readonly<Record<string, Command>> = {
  start,
  ingest,
  project,
  api,
  feed,
  replay,
  verify,
  skip,
  rejects,
  copy,
  watch,
}
