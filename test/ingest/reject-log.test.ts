import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import {
  formerRejectFile,
  openRejectLog,
  readRejects,
  rejectFile,
} from '../../src/ingest/reject-log.ts'
import { silent } from '../support/silent.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const test = suite('reject log')
const reject = {
  reason: 'invalid_price',
  text: '{"p":"x"}',
  symbol: null,
  executedAt: null,
} as const
const at = 1_763_645_583_544

test('keeps the latest rejects in two bounded files', async () => {
  const directory = temporaryDirectory()
  for (let round = 0; round < 50; round++) {
    const log = openRejectLog({ directory, logger: silent, fileBytesMax: 1_000 })
    log.add({ ...reject, text: `round ${round}` }, at)
    await log.close()
  }
  const kept = [formerRejectFile, rejectFile]
    .map((file) => readFileSync(join(directory, file), 'utf8'))
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.equal(kept.at(-1), {
    at: '2025-11-20T13:33:03.544Z',
    reason: 'invalid_price',
    text: 'round 49',
  })
  assert.equal(readdirSync(directory).sort(), [formerRejectFile, rejectFile].sort())
  assert.ok(statSync(join(directory, formerRejectFile)).size < 1_200)
})

test('of a flood, counts what it does not keep', async () => {
  const directory = temporaryDirectory()
  const log = openRejectLog({ directory, logger: silent })
  for (let i = 0; i < 5_000; i++) log.add(reject, at)
  await log.close()
  const lines = readFileSync(join(directory, rejectFile), 'utf8').trim().split('\n')
  const notKept = lines.map((line) => JSON.parse(line).notKept ?? 0).reduce((a, b) => a + b)
  assert.is(lines.filter((line) => line.includes('reason')).length + notKept, 5_000)
  assert.ok(notKept > 0)
})

test('lives on where it cannot write', async () => {
  const file = join(temporaryDirectory(), 'a-file')
  writeFileSync(file, '')
  const log = openRejectLog({ directory: file, logger: silent })
  log.add(reject, at)
  await log.close()
  log.add(reject, at)
  await log.close()
})

test('what is kept is read back, oldest first, but for a line that is not whole', async () => {
  const directory = temporaryDirectory()
  assert.equal(await readRejects(directory), [])
  writeFileSync(join(directory, formerRejectFile), '{"at":"a","reason":"r","text":"old"}\n')
  const log = openRejectLog({ directory, logger: silent })
  log.add(reject, at)
  await log.close()
  appendFileSync(join(directory, rejectFile), '{"notKept":3}\n{"at":"2025')
  assert.equal(await readRejects(directory), [
    { at: 'a', reason: 'r', text: 'old' },
    { at: '2025-11-20T13:33:03.544Z', reason: reject.reason, text: reject.text },
    { notKept: 3 },
  ])
})

test.run()
