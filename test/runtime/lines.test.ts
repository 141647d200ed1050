import { Readable } from 'node:stream'
import * as assert from 'uvu/assert'
import { linesOf } from '../../src/runtime/lines.ts'
import { rejection } from '../contracts/event-store-reader.ts'
import { suite } from '../support/suite.ts'

const test = suite('lines')

const limit = { charactersMax: 10, tooLong: 'a line is too long' }

async function read(chunks: readonly Buffer[], onRest?: (rest: string) => void) {
  const lines: string[] = []
  const options = onRest === undefined ? limit : { ...limit, onRest }
  for await (const some of linesOf(Readable.from(chunks), options)) lines.push(...some)
  return lines
}

const bytes = Buffer.from('ä\n\nbc\nd☃')
const split = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))

test('lines are whole, however the chunks are cut', async () => {
  assert.equal(await read([bytes]), ['ä', '', 'bc', 'd☃'])
  assert.equal(await read(split), ['ä', '', 'bc', 'd☃'])
  assert.equal(await read([]), [])
})

test('a last line without an end may be asked for, also when a character of it is cut', async () => {
  const rests: string[] = []
  const lines = await read([bytes.subarray(0, -1)], (rest) => rests.push(rest))
  assert.equal([lines, rests], [['ä', '', 'bc'], ['d']])
})

test('a line that is too long or not UTF-8 is refused', async () => {
  const failure = async (chunk: Buffer) => String(await rejection(() => read([chunk])))
  assert.match(await failure(Buffer.from('x'.repeat(11))), 'a line is too long')
  assert.match(await failure(Buffer.from([0x61, 0xff])), 'not valid')
  assert.match(await failure(bytes.subarray(0, -1)), 'not valid')
})

test('the lines before one that is too long are given', async () => {
  const lines: string[] = []
  const chunks = Readable.from([Buffer.from(`a\nb\n${'x'.repeat(11)}`)])
  await rejection(async () => {
    for await (const some of linesOf(chunks, limit)) lines.push(...some)
  })
  assert.equal(lines, ['a', 'b'])
})

test.run()
