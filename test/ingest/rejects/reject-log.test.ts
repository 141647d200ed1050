import { appendFileSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import type { Reject } from '../../../src/ingest/feed.ts'
import type { KeptReject, RejectLine } from '../../../src/ingest/rejects/line.ts'
import { readRejects } from '../../../src/ingest/rejects/reader.ts'
import { openRejectLog } from '../../../src/ingest/rejects/reject-log.ts'
import { silent } from '../../support/silent.ts'
import { suite } from '../../support/suite.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const test = suite('reject log')

const origin = { source: 'finnhub', at: 1_763_645_583_544 }
const at = '2025-11-20T13:33:03.544Z'
const rejectOf = (text: string): Reject => ({
  reason: 'invalid_price',
  text,
  symbol: null,
  executedAt: null,
})

/** The lines that can be read, and how many can't. */
async function read(directory: string) {
  const lines: RejectLine[] = []
  let unreadable = 0
  for await (const some of readRejects(directory)) {
    for (const { line } of some) {
      if (line === undefined) unreadable += 1
      else lines.push(line)
    }
  }
  const kept = lines.filter((line): line is KeptReject => 'reason' in line)
  const notKept = lines.reduce((sum, line) => sum + ('notKept' in line ? line.notKept : 0), 0)
  return { kept, texts: kept.map(({ text }) => text), notKept, unreadable }
}

/** A logger, and the messages it was given. */
function listeningLogger() {
  const messages: string[] = []
  const write = (line: string) => void messages.push(JSON.parse(line).msg)
  return { logger: pino({}, { write }), messages }
}

test('a flood of 5,009 rejects in one moment is kept, to the last one', async () => {
  const directory = temporaryDirectory()
  const log = openRejectLog({ directory, logger: silent })
  const texts = Array.from({ length: 5_009 }, (_, i) => `{"p":"x","i":${i}}`)
  for (const text of texts) log.add(rejectOf(text), origin)
  await log.close()
  const { kept, notKept } = await read(directory)
  assert.is(notKept, 0)
  assert.equal(
    kept,
    texts.map((text) => ({ at, source: 'finnhub', reason: 'invalid_price', text })),
  )
})

test('a text is kept whole, up to what ingest parses; one that is cut says how long it was', async () => {
  const directory = temporaryDirectory()
  const log = openRejectLog({ directory, logger: silent })
  const whole = ['{"p":"\u0000\u009b…"}', '\u0001'.repeat(1024 * 1024)]
  for (const text of whole) log.add(rejectOf(text), origin)
  log.add(rejectOf(`${'x'.repeat(1024 * 1024 - 1)}😀${'y'.repeat(10_000_000)}`), origin)
  await log.close()
  const { kept, texts } = await read(directory)
  assert.ok(whole.every((text, i) => texts[i] === text))
  assert.is(texts[2], 'x'.repeat(1024 * 1024 - 1))
  assert.equal(
    kept.map(({ wholeBytes }) => wholeBytes),
    [undefined, undefined, 1024 * 1024 - 1 + 4 + 10_000_000],
  )
})

test('of a flood beyond its bytes the rest is counted, in the file and seldom in the log', async () => {
  const directory = temporaryDirectory()
  const { logger, messages } = listeningLogger()
  const log = openRejectLog({ directory, logger, bounds: { pendingBytesMax: 10_000 } })
  for (let i = 0; i < 5_000; i++) log.add(rejectOf(`{"i":${i}}`), origin)
  await log.close()
  const { texts, notKept } = await read(directory)
  assert.ok(texts.length > 50 && notKept > 0)
  assert.is(texts.length + notKept, 5_000)
  const message = 'rejects come faster than they are written: some are only counted'
  assert.is(messages[0], message)
  assert.ok(messages.length < 14 && messages.every((each) => each === message))
})

test('the latest are kept in files of bounded size; what went with the oldest is counted', async () => {
  const directory = temporaryDirectory()
  const { logger, messages } = listeningLogger()
  const bounds = { fileBytesMax: 1_000, allFilesBytesMax: 5_000 }
  for (let round = 0; round < 60; round++) {
    const log = openRejectLog({ directory, logger, bounds })
    for (let i = 0; i < 3; i++) log.add(rejectOf(`round ${round}, ${i}`), origin)
    await log.close()
  }
  const { texts, notKept } = await read(directory)
  assert.is(texts.length + notKept, 180)
  assert.ok(notKept > 0)
  assert.equal(
    texts,
    Array.from({ length: 180 }, (_, i) => `round ${Math.floor(i / 3)}, ${i % 3}`).slice(notKept),
  )
  const sizes = readdirSync(directory).map((file) => statSync(join(directory, file)).size)
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) < 6_500)
  assert.ok(messages.includes('the reject log is full: its oldest rejects are only counted now'))
})

test('if it cannot be written it lives on, and counts what is missing when it can', async () => {
  const directory = join(temporaryDirectory(), 'ingest')
  writeFileSync(directory, 'a file in its place')
  const { logger, messages } = listeningLogger()
  const log = openRejectLog({ directory, logger })
  for (const text of ['a', 'b']) {
    log.add(rejectOf(text), origin)
    await log.close()
  }
  assert.equal(messages, ['the reject log cannot be written'])
  rmSync(directory)
  log.add(rejectOf('c'), origin)
  await log.close()
  const { texts, notKept } = await read(directory)
  assert.equal(texts, ['c'])
  assert.is(notKept, 2)
})

test('a line that a kill has torn takes nothing from the next', async () => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'rejects.jsonl'), '{"at":"2025')
  const log = openRejectLog({ directory, logger: silent })
  log.add(rejectOf('next'), origin)
  await log.close()
  const { texts, unreadable } = await read(directory)
  assert.equal(texts, ['next'])
  assert.is(unreadable, 1)
})

test('damaged lines are counted, whatever they hold, and the others read', async () => {
  const directory = temporaryDirectory()
  mkdirSync(directory, { recursive: true })
  const path = join(directory, 'rejects.jsonl')
  const line = '{"at":"a","reason":"r","text":"t"}'
  const damaged = ['7', 'null', '[]', '"text"', '{}', '{"notKept":"3"}', `${line}}`]
  const typed = ['{"at":"a","reason":"r","text":7}', '{"at":"a","reason":{},"text":"t"}']
  writeFileSync(path, [line, ...damaged, ...typed, '', '{"notKept":3}', ''].join('\n'))
  appendFileSync(path, Buffer.from([0x22, 0xff, 0x22, 0x0a]))
  appendFileSync(path, `${'\u0000'.repeat(20_000_000)}\n${line}\n{"at":"2025`)
  const { texts, notKept, unreadable } = await read(directory)
  assert.equal(texts, ['t', 't'])
  assert.is(notKept, 3)
  assert.is(unreadable, damaged.length + typed.length + 3)
})

test('files of an older version are read before the others', async () => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'rejects.1.jsonl'), '{"at":"a","reason":"r","text":"old"}\n')
  const log = openRejectLog({ directory, logger: silent })
  log.add(rejectOf('new'), origin)
  await log.close()
  assert.equal((await read(directory)).texts, ['old', 'new'])
})

test.run()
