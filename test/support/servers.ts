import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const script = process.env.TRADELOG_TEST_SERVERS

/** Why servers can't be stopped by the tests of this run; undefined where they can. */
export const serversReason =
  script === undefined ? 'TRADELOG_TEST_SERVERS names no script that stops servers' : undefined

export type ServerName = 'kafka' | 'mongo'

/**
 * What becomes of a server: `kill` ends it at once, its data kept, until `up`; `pause` leaves it
 * hanging until `resume`. Resolves when it is done: after `up` the server answers.
 */
export async function server(
  verb: 'kill' | 'pause' | 'resume' | 'up',
  name: ServerName,
): Promise<void> {
  if (script === undefined) throw new Error(serversReason)
  await promisify(execFile)(script, [verb, name])
}
