import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { openEmbeddedReadModelStore } from '../../../src/read-model-store/embedded/embedded-read-model-store.ts'
import type { Generation, ReadModelStore } from '../../../src/read-model-store/read-model-store.ts'
import { faultRounds, seededRandom, testSeed } from '../../support/random.ts'
import { suite } from '../../support/suite.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { batchEvents, partitions, rowKey } from '../rows-to-commit.ts'

const test = suite('embedded read-model store, killed or full')

const children: ChildProcess[] = []

test.after(() => {
  for (const child of children) child.kill('SIGKILL')
})

const script = fileURLToPath(new URL('./committing-process.js', import.meta.url))
const kinds = ['series', 'state'] as const

for (const kind of kinds) {
  test(
    `a process killed while it commits leaves ${kind} rows and checkpoint that agree`,
    async () => {
      const random = seededRandom(testSeed)
      await withGeneration(kind, async ({ directory, store, generation }) => {
        let total = 0
        for (let round = 0; round < faultRounds; round++) {
          const child = spawn(process.execPath, [script, directory, generation.info.id, kind])
          await untilPrinted(child, 'committed')
          assert.is(await store.lease('writer', { ttlMs: 1000 }), undefined)
          await sleep(random() * 150)
          child.kill('SIGKILL')
          await once(child, 'exit')
          const now = await assertAgreement(generation, kind)
          assert.ok(now > total, `seed ${testSeed}: round ${round} made no progress`)
          total = now
          await assertLeaseIsFree(store)
        }
      })
    },
    { timeoutMs: 60_000 },
  )

  test(`on a full disk a ${kind} commit is refused, and what was committed is whole`, async () => {
    if (process.platform === 'win32') return
    await withGeneration(kind, async ({ directory, generation }) => {
      const args = [process.execPath, script, directory, generation.info.id, kind]
      const child = spawn('bash', ['-c', 'ulimit -f 1000; exec "$@"', 'bash', ...args])
      const printed = await untilPrinted(child, 'closed')
      assert.equal(printed.filter((line) => line !== 'committed').map(withoutReason), [
        ...partitions.map(() => 'READ_MODEL_STORE'),
        'closed',
      ])
      assert.ok((await assertAgreement(generation, kind)) > 0)
    })
  })
}

/** The limit cuts writes short, as a full disk does, but leaves room on the disk. */
const withoutReason = (line: string): string => line.replace(/_(FULL|UNAVAILABLE)$/, '')

async function withGeneration(
  kind: 'series' | 'state',
  body: (context: {
    directory: string
    store: ReadModelStore
    generation: Generation
  }) => Promise<void>,
) {
  const directory = temporaryDirectory()
  const store = await openEmbeddedReadModelStore({ directory })
  try {
    const generation = await store.create({ model: 'trades', version: 1, kind })
    await body({ directory, store, generation })
  } finally {
    await store.close()
  }
}

/** Every line up to the one awaited; fails when the process ends without it. */
async function untilPrinted(child: ChildProcess, line: string): Promise<string[]> {
  children.push(child)
  let text = ''
  let errors = ''
  child.stderr?.on('data', (chunk) => {
    errors += chunk
  })
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (chunk) => {
      text += chunk
      if (text.includes(`${line}\n`)) resolve()
    })
    child.once('exit', () => reject(new Error(`it ended without "${line}": ${text} ${errors}`)))
  })
  return text.trimEnd().split('\n')
}

/** A dead holder is recognised by its pid, so the lease need not expire. */
async function assertLeaseIsFree(store: ReadModelStore) {
  const lease = await store.lease('writer', { ttlMs: 1000 })
  assert.ok(lease)
  await lease.release()
}

/** Returns the number of events applied. */
async function assertAgreement(generation: Generation, kind: 'series' | 'state'): Promise<number> {
  const checkpoint = await generation.checkpoint()
  let total = 0
  for (const [partition, { next, applied }] of checkpoint) {
    assert.is(applied, next)
    total += next
    const numbers = Array.from({ length: kind === 'series' ? next : batchEvents }, (_, n) => n)
    const rows = await generation.read(numbers.map((n) => rowKey(partition, n)))
    for (const [n, row] of rows.entries()) {
      if (kind === 'series') assert.is(row?.value.n, n)
      else assert.equal([row?.value.to, row?.guard], [next, `${partition}:${next - 1}`])
    }
  }
  const stored = await countRows(generation)
  assert.is(stored, kind === 'series' ? total : checkpoint.size * batchEvents)
  return total
}

async function countRows(generation: Generation): Promise<number> {
  let count = 0
  for await (const rows of generation.scan()) count += rows.length
  return count
}

test.run()
