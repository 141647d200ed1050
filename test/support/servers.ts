import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const script = process.env.TRADELOG_TEST_SERVERS

/** Why the tests of this run can't stop servers; undefined if they can. */
export const serversReason =
  script === undefined ? 'TRADELOG_TEST_SERVERS names no script that stops servers' : undefined

export type ServerName = 'kafka' | 'mongo'

/**
 * Stops or starts a server: `kill` ends it at once, keeping its data, until `up`; `pause` makes it
 * hang until `resume`. Resolves when this is done: after `up`, the server answers.
 */
export async function server(
  verb: 'kill' | 'pause' | 'resume' | 'up',
  name: ServerName,
): Promise<void> {
  if (script === undefined) throw new Error(serversReason)
  await promisify(execFile)(script, [verb, name])
}
