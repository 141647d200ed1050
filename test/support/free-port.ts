import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * A free port for a process that has to restart on the same one. It is below the ports that systems
 * give to connections, which could take it meanwhile.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    if (!isReserved(port)) continue
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await Promise.race([
      once(server, 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ])
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

/** Tests that run beside this process can't get a port whose directory exists. */
function isReserved(port: number): boolean {
  const directory = join(tmpdir(), `tradelog-port-${port}`)
  try {
    mkdirSync(directory)
  } catch {
    return false
  }
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  return true
}
