import { openEmbeddedReadModelStore } from '../../../src/read-model-store/embedded/embedded-read-model-store.ts'
import type { Generation } from '../../../src/read-model-store/read-model-store.ts'
import { batchEvents, partitions, rowsToCommit } from '../rows-to-commit.ts'

/**
 * Commits batch after batch to a generation until it is killed, or until a commit fails, which it
 * writes to standard output. Arguments: directory, generation id, series or state.
 */
const [, , directory = '', id = '', kind = ''] = process.argv

async function commitForEver(generation: Generation, partition: number) {
  let from = (await generation.checkpoint()).get(partition)?.next ?? 0
  for (;;) {
    const to = from + batchEvents
    const rows = rowsToCommit(kind, partition, from, to)
    const answer = await generation.commit({
      partition,
      from,
      to,
      applied: to,
      origin: 'log',
      rows,
    })
    if (answer === 'moved') throw new Error('another writer moved the checkpoint')
    from = to
    process.stdout.write('committed\n')
  }
}

async function run() {
  // A file-size limit of the shell makes a full disk; without this its signal would end us.
  process.on('SIGXFSZ', () => {})
  const store = await openEmbeddedReadModelStore({ directory })
  await store.lease('writer', { ttlMs: 60_000 })
  const generation = await store.open(id)
  const ends = await Promise.allSettled(
    partitions.map((partition) => commitForEver(generation, partition)),
  )
  for (const end of ends) process.stdout.write(`${end.status === 'rejected' && end.reason.code}\n`)
  await store.close()
  process.stdout.write('closed\n')
}

await run()
