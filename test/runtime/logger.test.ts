import { stripVTControlCharacters } from 'node:util'
import * as assert from 'uvu/assert'
import { createLogger } from '../../src/runtime/logger.ts'
import { suite } from '../support/suite.ts'

const test = suite('the log')

function logged(isPretty: boolean) {
  const written: string[] = []
  const write = (text: string) => void written.push(text)
  const logger = createLogger({ level: 'info', pretty: isPretty, write })
  return { logger: logger.child({ component: 'ingest' }), text: () => written.join('') }
}

function forPeople(say: (logger: ReturnType<typeof createLogger>) => void): string {
  const { logger, text } = logged(true)
  say(logger)
  return stripVTControlCharacters(text()).replace(/^\[[\d:]{8}\] /, '')
}

test('an entry for people is one line, without the fields that its message says', () => {
  const text = forPeople((logger) => {
    const fields = {
      generation: 'trades-1',
      model: 'trades',
      partitions: [0, 1, 2],
      feed: 'ws://x/',
    }
    logger.info(fields, 'trades: projecting partitions 0 1 2')
  })
  assert.is(text, 'INFO: ingest: trades: projecting partitions 0 1 2 {"feed":"ws://x/"}\n')
})

test('component, time and level stay, even if the message contains them', () => {
  const text = forPeople((logger) => logger.warn({ state: 'active' }, 'ingest is active: 40'))
  assert.is(text, 'WARN: ingest: ingest is active: 40\n')
})

test('an error is shown to people with its stack', () => {
  const text = forPeople((logger) => logger.error({ err: new Error('gone') }, 'gone'))
  assert.match(text, /^ERROR: ingest: gone *\n +err: /)
  assert.match(text, '"message": "gone"')
  assert.match(text, /\n +at .*logger\.test/)
})

test('an entry for machines has every field', () => {
  const { logger, text } = logged(false)
  logger.info({ generation: 'trades-1', partitions: [0, 1] }, 'partitions 0 1 of trades-1')
  const { time, ...rest } = JSON.parse(text())
  assert.match(time, /Z$/)
  assert.equal(rest, {
    level: 30,
    component: 'ingest',
    generation: 'trades-1',
    partitions: [0, 1],
    msg: 'partitions 0 1 of trades-1',
  })
})

test.run()
