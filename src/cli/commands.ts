import { api } from './api.ts'
import type { Command } from './command.ts'
import { copy } from './copy.ts'
import { feed } from './feed.ts'
import { ingest } from './ingest.ts'
import { project } from './project.ts'
import { rejects } from './rejects.ts'
import { replay } from './replay.ts'
import { skip } from './skip.ts'
import { start } from './start.ts'
import { verify } from './verify.ts'
import { watch } from './watch.ts'

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
