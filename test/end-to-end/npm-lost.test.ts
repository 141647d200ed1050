import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { eventually } from '../support/eventually.ts'
import { embeddedStores } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import { mainProgram, settingsEnvironment } from '../support/tradelog.ts'

const test = suite('a process whose parent is stopped')
const root = resolve(import.meta.dirname, '../../..')

/** Starts `start` by another program; returns the address and the id of the process itself. */
async function startBy(program: string, args: readonly string[]) {
  const { npm_lifecycle_event: _, ...environment } = process.env
  const parent = spawn(program, args, {
    cwd: root,
    env: { ...environment, ...settingsEnvironment(embeddedStores()) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let written = ''
  for (const output of [parent.stdout, parent.stderr]) {
    output.on('data', (chunk) => {
      written += chunk
    })
  }
  // The process itself has the same outputs: they end when it does.
  const ended = once(parent, 'close')
  const pid = Number(await eventually(() => /kill -9 ([0-9]+)/.exec(written)?.[1]))
  const address = /http:\/\/[^\s/"]+/.exec(written)?.[0] ?? ''
  return { parent, pid, address, ended, written: () => written }
}

const lives = async (address: string) => (await fetch(`${address}/healthz`)).ok

const title = 'stops if its parent npm ends, and keeps serving if another parent ends'

if (process.platform === 'win32') {
  test.skip(title, 'Windows has no such signals')
} else {
  test(title, async () => {
    const shell = ['-c', '"$0" "$@"; exit', process.execPath, mainProgram, 'start']
    const detached = await startBy('sh', shell)
    try {
      detached.parent.kill('SIGTERM')
      await once(detached.parent, 'exit')
      const ofNpm = await startBy('npm', ['start'])
      assert.ok(await lives(ofNpm.address))
      ofNpm.parent.kill('SIGTERM')
      await ofNpm.ended
      assert.match(ofNpm.written(), 'read API closed')
      assert.ok(await lives(detached.address))
    } finally {
      process.kill(detached.pid, 'SIGTERM')
      await detached.ended
    }
  })
}

test.run()
