import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { type CopySource, type CopyTarget, copy } from '../../src/copy/copy.ts'
import { fileSource, fileTarget, gzipTarget, streamTarget } from '../../src/copy/files.ts'
import { TradelogError } from '../../src/domain/errors.ts'
import type { RawRecord } from '../../src/domain/recorded-event.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { trade } from '../support/trade.ts'

const test = suite('copying a log into a file and back')

const { signal } = new AbortController()
const partitions = 3

/** Every kind of record that a log may hold. */
const records: readonly RawRecord[] = Array.from({ length: 2_000 }, (_, i) => {
  const place = { partition: i % partitions, offset: Math.floor(i / partitions), recordedAt: i }
  const symbol = ['AAPL', '日経225', '__proto__', '"\\'][i % 4] ?? ''
  const event = JSON.stringify(trade({ symbol, price: String(i) }))
  if (i % 100 === 17) return { ...place, key: null, value: null }
  if (i % 100 === 27) return { ...place, key: 'X', value: 'no JSON\nat all' }
  if (i % 100 === 37) return { ...place, key: 'X', value: event }
  if (i % 100 === 47) return { ...place, key: symbol, value: ` ${event}` }
  if (i % 100 === 57) return { ...place, key: null, value: '[1.0]' }
  return { ...place, key: symbol, value: event }
})

const memorySource = (all: readonly RawRecord[] = records): CopySource => ({
  partitions,
  total: all.length,
  records: async function* () {
    const inOrder = [...all].sort((a, b) => a.partition - b.partition || a.offset - b.offset)
    for (let at = 0; at < inOrder.length; at += 150) yield inOrder.slice(at, at + 150)
  },
})

const into = async (target: CopyTarget | Promise<CopyTarget>, source = memorySource()) =>
  copy({ source, target: await target, signal })

async function read(path: string): Promise<RawRecord[]> {
  const all: RawRecord[] = []
  for await (const some of (await fileSource(path)).records()) all.push(...some)
  return all.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
}

const inOrder = [...records].sort((a, b) => a.partition - b.partition || a.offset - b.offset)

async function refusalOf(attempt: Promise<unknown>): Promise<TradelogError> {
  const error = await attempt.then(
    () => undefined,
    (failure: unknown) => failure,
  )
  assert.instance(error, TradelogError)
  return error as TradelogError
}

const newPath = (name = 'log.ndjson') => join(temporaryDirectory(), name)

test('every record comes back as it was, plain and compressed', async () => {
  const [plain, compressed] = [newPath(), newPath('log.ndjson.gz')]
  const one = await into(fileTarget(plain, partitions))
  const other = await into(gzipTarget(compressed, partitions))
  assert.is(one.digest, other.digest)
  assert.equal(await read(plain), inOrder)
  assert.equal(await read(compressed), inOrder)
  assert.is(gunzipSync(readFileSync(compressed)).toString(), readFileSync(plain, 'utf8'))
  const back = await into(fileTarget(newPath(), partitions), await fileSource(compressed))
  assert.is(back.digest, one.digest)
})

test('a stream gets the same text', async () => {
  const path = newPath()
  await into(fileTarget(path, partitions))
  const stream = new PassThrough()
  const written = text(stream)
  await into(streamTarget(stream, partitions))
  stream.end()
  assert.is(await written, readFileSync(path, 'utf8'))
})

test('an empty log is a file too', async () => {
  for (const [path, target] of [
    [newPath(), fileTarget],
    [newPath('log.ndjson.gz'), gzipTarget],
  ] as const) {
    await into(target(path, partitions), memorySource([]))
    assert.equal(await read(path), [])
  }
})

test('a file that was cut at any byte is completed', async () => {
  const whole = newPath()
  const { digest } = await into(fileTarget(whole, partitions))
  const bytes = readFileSync(whole)
  const cuts = [0, 1, 30, 60, 200, 201, 12_345, bytes.length - 1, bytes.length]
  for (const cut of cuts) {
    const path = newPath()
    writeFileSync(path, bytes.subarray(0, cut))
    assert.is((await into(fileTarget(path, partitions))).digest, digest, `cut at ${cut}`)
    assert.ok(readFileSync(path).equals(bytes), `cut at ${cut}`)
  }
})

test('a file of a log that has grown gets the rest', async () => {
  const path = newPath()
  const some = records.filter(({ offset }) => offset < 100)
  await into(fileTarget(path, partitions), memorySource(some))
  assert.is((await into(fileTarget(path, partitions))).copied, records.length - some.length)
  assert.equal(await read(path), inOrder)
})

test('a file that is something else is refused and not changed', async () => {
  const other = newPath()
  const [first, ...rest] = records
  assert.ok(first)
  await into(fileTarget(other, partitions), memorySource([{ ...first, recordedAt: 7 }, ...rest]))
  for (const content of [
    'hello',
    'hello\n',
    '{"type":"TradelogLog","version":1,"partitions":4}\n',
    readFileSync(other, 'utf8'),
  ]) {
    const path = newPath()
    writeFileSync(path, content)
    const { code } = await refusalOf(into(fileTarget(path, partitions)))
    assert.is(code, 'COPY_TARGET_DIFFERS', content.slice(0, 60))
    assert.is(readFileSync(path, 'utf8'), content)
  }
})

test('a compressed file exists only once it is complete, and is never overwritten', async () => {
  const path = newPath('log.ndjson.gz')
  const broken: CopySource = {
    ...memorySource(),
    records: async function* () {
      yield records.slice(0, 3)
      throw new Error('killed')
    },
  }
  await into(gzipTarget(path, partitions), broken).catch(() => {})
  assert.not(existsSync(path))
  await into(gzipTarget(path, partitions))
  assert.equal(await read(path), inOrder)
  const { code } = await refusalOf(into(gzipTarget(path, partitions)))
  assert.is(code, 'COPY_TARGET_DIFFERS')
})

test('a path that can be neither read nor written says why, and what to do', async () => {
  const folder = temporaryDirectory()
  const absent = join(folder, 'absent')
  const [within, zipped] = [join(absent, 'log.ndjson'), join(absent, 'log.ndjson.gz')]
  const says = async (attempt: Promise<unknown>) => {
    const { code, message } = await refusalOf(attempt)
    return [code, message]
  }
  const toMake = `the directory ${absent} doesn't exist: make it, or correct the path`
  const aFolder = `${folder} is a directory, not a file: name a file`
  assert.equal(await says(into(fileTarget(within, partitions))), ['CONFIG_INVALID', toMake])
  assert.equal(await says(into(gzipTarget(zipped, partitions))), ['CONFIG_INVALID', toMake])
  assert.equal(await says(into(fileTarget(folder, partitions))), ['COPY_REFUSED', aFolder])
  assert.equal(await says(fileSource(folder)), ['COPY_REFUSED', aFolder])
  const missing = `${within} doesn't exist, nor does ${absent}: correct the path`
  assert.equal(await says(fileSource(within)), ['COPY_REFUSED', missing])
  assert.not(existsSync(absent))
})

test('a file that is not a whole copy is refused as a source', async () => {
  const whole = newPath()
  await into(fileTarget(whole, partitions))
  const bytes = readFileSync(whole)
  const line = `${JSON.stringify({ partition: 0, offset: 0, recordedAt: 1, event: {} })}\n`
  const lines = bytes.toString().split('\n')
  for (const [what, content] of [
    ['empty', ''],
    ['no header', lines.slice(1).join('\n')],
    ['a cut last line', bytes.subarray(0, bytes.length - 5)],
    ['a line that is no record', `${lines[0]}\n{}\n`],
    ['a record twice', `${lines[0]}\n${line}${line}`],
    ['a partition too many', `${lines[0]}\n${line.replace('0', '3')}`],
    ['no text', Buffer.concat([Buffer.from(`${lines[0]}\n`), Buffer.from([0xff, 10])])],
  ] as const) {
    const path = newPath()
    writeFileSync(path, content)
    assert.is((await refusalOf(read(path))).code, 'COPY_REFUSED', what)
  }
  const path = newPath('log.ndjson.gz')
  await into(gzipTarget(path, partitions))
  writeFileSync(path, readFileSync(path).subarray(0, -9))
  assert.is((await refusalOf(read(path))).code, 'COPY_REFUSED')
  appendFileSync(path, 'x')
  assert.is((await refusalOf(fileSource(newPath()))).code, 'COPY_REFUSED')
})

test.run()
