import { once } from 'node:events'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join, parse } from 'node:path'
import * as assert from 'uvu/assert'
import { appendRaw } from '../support/raw-log.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { mainProgram, runTradelog, startTradelog } from '../support/tradelog.ts'

const test = suite('command line')

function settingsFile(text: string): string {
  const path = join(temporaryDirectory(), 'settings.yaml')
  writeFileSync(path, text)
  return path
}

type Refusal = readonly [what: string, args: readonly string[], says: RegExp]

/** Everything here ends with exit code 2 and one line that says what is wrong. */
const refused: readonly Refusal[] = [
  ['an unknown command', ['strat'], /no command is called strat/],
  ['a command of JavaScript', ['__proto__'], /no command is called __proto__/],
  ['an unknown option', ['start', '--fast'], /^tradelog: CONFIG_INVALID: .*'--fast'/],
  ['an option without its value', ['replay', '--model'], /CONFIG_INVALID: .*'--model <value>'/],
  ['an argument too many', ['verify', 'trades'], /CONFIG_INVALID: .*'trades'/],
  [
    'an unknown model',
    ['verify', '--model', 'nobody'],
    /no read model is called nobody; there are/,
  ],
  ['an absent settings file', ['start', '--config', '/no/such.yaml'], /\/no\/such\.yaml/],
  ['a file that is no mapping', ['start', '--config', settingsFile('- 1')], /settings\.yaml/],
  ['an unknown setting', ['start', '--config', settingsFile('api_prt: 1')], /api_prt.*api_port/],
  ['a wrong value', ['start', '--config', settingsFile('partitions: many')], /partitions/],
  [
    'a wrong nested value',
    ['start', '--config', settingsFile('file: {speed: fast}')],
    /file\.speed/,
  ],
  [
    'an absent certificate authority',
    [
      'ingest',
      '--config',
      settingsFile('kafka: {broker_url: "127.0.0.1:1", ssl: true, ssl_ca_file: /no/such.pem}'),
    ],
    /kafka\.ssl_ca_file.*\/no\/such\.pem/,
  ],
  ['an absent trade file', ['feed', '--file', '/no/such.csv'], /\/no\/such\.csv/],
  ['an invalid speed', ['feed', '--file', 'x.csv', '--speed', 'slow'], /file\.speed/],
  ['a speed without a file', ['feed', '--speed', '10'], /--speed.*--file/],
  [
    'a rollback that is a dry run',
    ['replay', '--rollback', '--dry-run'],
    /--dry-run and --rollback can't be given together/,
  ],
  [
    'an undo that lists',
    ['skip', '--list', '--undo', 'trades:5:3'],
    /--list and --undo can't be given together/,
  ],
  [
    'an undo with a reason',
    ['skip', 'trades:5:3', '--undo', '--why', 'x'],
    /--undo and --why can't be given together/,
  ],
  ['a list of one skip', ['skip', '--list', 'trades:5:3'], /--list takes no names/],
  [
    'a generation without a model',
    ['verify', '--generation', 'trades-1'],
    /--generation needs exactly one read model/,
  ],
  [
    'a generation of two models',
    ['verify', '--model', 'trades', '--model', 'vwap', '--generation', 'trades-1'],
    /--generation needs exactly one read model/,
  ],
  [
    'an absent generation',
    ['verify', '--model', 'trades', '--generation', 'trades-1'],
    /trades has no generation trades-1; there are none/,
  ],
  ['watch without a terminal', ['watch'], /needs a terminal/],
  ['an invalid address', ['watch', '--api', 'localhost:8000'], /--api must be an address/],
  ['a skip without an event', ['skip'], /no event is named/],
  ['a skip without a position', ['skip', 'trades:0', '--why', 'x'], /MODEL:PARTITION:OFFSET/],
  ['a skip without a reason', ['skip', 'trades:0:0'], /--why must say/],
  ['a skip of an unknown model', ['skip', 'nobody:0:0', '--why', 'x'], /no read model is called/],
  ['a skip outside the log', ['skip', 'trades:0:0', '--why', 'x'], /SKIP_REFUSED.*no event/],
  [
    'a skip in an absent partition',
    ['skip', 'trades:6:0', '--why', 'x'],
    /SKIP_REFUSED.*no partition/,
  ],
  ['an invalid limit', ['rejects', '--limit', '0'], /--limit must be/],
  ['a copy without a target', ['copy'], /--to must name/],
  ['a copy to a file of unknown kind', ['copy', '--to', 'log.txt'], /--to must name/],
  ['a copy from an absent file', ['copy', '--from', '/no.ndjson', '--to', '-'], /no\.ndjson/],
  ['a copy into absent settings', ['copy', '--to', '/no/such.yaml'], /\/no\/such\.yaml/],
  ['a rollback without a former generation', ['replay', '--rollback'], /no former generation/],
]

for (const [what, args, says] of refused) {
  test(`${what} ends with 2 and one line`, async () => {
    const { code, stdout, stderr } = await runTradelog(args, {
      DATA_DIRECTORY: temporaryDirectory(),
      LOG__LEVEL: 'silent',
    })
    assert.is(code, 2, stderr)
    assert.is(stdout, '')
    assert.match(stderr, says)
    assert.is(stderr.trim().split('\n').length, 1, stderr)
  })
}

test('rejects are listed with time, reason and text, the latest last', async () => {
  const DATA_DIRECTORY = temporaryDirectory()
  const none = await runTradelog(['rejects'], { DATA_DIRECTORY })
  assert.is(none.code, 0)
  assert.match(none.stdout, 'nothing has been rejected')
  mkdirSync(join(DATA_DIRECTORY, 'ingest'))
  const rows = ['\u001b[2J', 'b', 'c'].map((text) => ({
    at: 't',
    reason: 'invalid_price',
    text,
  }))
  const lines = rows.map((row) => `${JSON.stringify(row)}\n`)
  writeFileSync(join(DATA_DIRECTORY, 'ingest/rejects.jsonl'), lines.join(''))
  const { stdout } = await runTradelog(['rejects'], { DATA_DIRECTORY })
  assert.match(stdout, String.raw`t  invalid_price  "\u001b[2J"`)
  const last = await runTradelog(['rejects', '--limit', '1', '--json'], { DATA_DIRECTORY })
  assert.is(last.stdout, lines[2])
})

test('an undo says what was not skipped, and continues with the next', async () => {
  const names = ['trades:0:0', 'symbols:5:7']
  const settings = { DATA_DIRECTORY: temporaryDirectory(), LOG__LEVEL: 'silent' }
  const { code, stdout } = await runTradelog(['skip', ...names, '--undo'], settings)
  assert.is(code, 0)
  assert.is(stdout, names.map((name) => `${name} is not skipped\n`).join(''))
})

test('a skip, a list and an undo name the same position in JSON lines', async () => {
  const settings = { DATA_DIRECTORY: temporaryDirectory(), LOG__LEVEL: 'silent' }
  const { partition, offset } = await appendRaw(settings, 'AAPL', 'hello')
  const name = `trades:${partition}:${offset}`
  const said = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await runTradelog(['skip', ...args, '--json'], settings)
    assert.is(code, 0, stderr)
    const { origin, at: _, ...rest } = JSON.parse(stdout)
    assert.type(origin, 'string')
    return rest
  }
  const position = { model: 'trades', partition, offset }
  const why = ['--why', 'by hand']
  assert.equal(await said(name, ...why), { ...position, isSkipped: true, isChanged: true })
  assert.equal(await said(name, ...why), { ...position, isSkipped: true, isChanged: false })
  assert.equal(await said('--list'), { ...position, why: 'by hand', isOfThisLog: true })
  assert.equal(await said(name, '--undo'), { ...position, isSkipped: false, isChanged: true })
  assert.equal(await said(name, '--undo'), { ...position, isSkipped: false, isChanged: false })
})

test('a log with another partition count is refused, with what to do', async () => {
  const settings = { DATA_DIRECTORY: temporaryDirectory(), LOG__LEVEL: 'silent' }
  assert.is((await runTradelog(['replay'], { ...settings, PARTITIONS: '3' })).code, 0)
  const { code, stderr } = await runTradelog(['replay'], { ...settings, PARTITIONS: '4' })
  assert.is(code, 2)
  assert.match(stderr, /EVENT_STORE_REFUSED: .*3 partitions/)
})

const commandsOfStores: readonly (readonly string[])[] = [
  ['start'],
  ['ingest'],
  ['project'],
  ['api'],
  ['replay'],
  ['verify'],
  ['skip', '--list'],
  ['copy', '--to', '-'],
  ['rejects'],
]

for (const args of commandsOfStores) {
  test(`"tradelog ${args.join(' ')}" refuses a data_directory that is a file`, async () => {
    const DATA_DIRECTORY = settingsFile('a file')
    const { code, stderr } = await runTradelog(args, { DATA_DIRECTORY, API_PORT: '0' })
    assert.is(code, 2, stderr)
    const wrong = `${DATA_DIRECTORY} is a file, not a directory`
    const says = `"data_directory": ${wrong}: name another path, or move it away`
    assert.is(stderr, `tradelog: CONFIG_INVALID: ${says}\n`)
  })
}

test('a taken port is named', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as AddressInfo
  const { code, stderr } = await runTradelog(['api'], {
    DATA_DIRECTORY: temporaryDirectory(),
    API_PORT: String(port),
    LOG__LEVEL: 'silent',
  })
  await new Promise((resolve) => taken.close(resolve))
  assert.is(code, 2)
  assert.match(stderr, new RegExp(`api_port.*${port}`))
})

const commands = readdirSync(join(mainProgram, '../commands')).filter((name) => /\.js$/.test(name))

for (const args of [['help'], ['--help'], ['replay', '--help'], []]) {
  test(`"tradelog ${args.join(' ')}" names every command and exits with 0`, async () => {
    const { code, stdout } = await runTradelog(args, {})
    assert.is(code, 0)
    for (const name of commands) {
      assert.match(stdout, new RegExp(`^  ${parse(name).name} `, 'm'))
    }
  })
}

test('verify of a model that was never built could not check', async () => {
  const settings = { DATA_DIRECTORY: temporaryDirectory(), LOG__LEVEL: 'silent' }
  const { code, stdout } = await runTradelog(['verify', '--model', 'trades', '--json'], settings)
  assert.is(code, 2)
  assert.is(JSON.parse(stdout).result, 'could not check')
})

/** No broker listens there. */
const away = { EVENT_STORE: 'kafka', KAFKA__BROKER_URL: '127.0.0.1:1' }

for (const [command, expected, says] of [
  ['verify', 2, 'could not check'],
  ['replay', 1, 'run it again'],
] as const) {
  test(`a ${command} whose log is away ends with ${expected} (${says}), and says why`, async () => {
    const settings = { ...away, DATA_DIRECTORY: temporaryDirectory(), LOG__LEVEL: 'silent' }
    const { code, stdout, stderr } = await runTradelog([command], settings)
    assert.is(code, expected, stderr)
    assert.is(stdout, '')
    assert.match(stderr, /^tradelog: EVENT_STORE_UNAVAILABLE: .*\n$/)
  })

  test(`a ${command} that is stopped ends with ${expected} (${says})`, async () => {
    // It accepts connections and never answers.
    const broker = createServer().listen(0, '127.0.0.1')
    const asked = once(broker, 'connection')
    await once(broker, 'listening')
    const { port } = broker.address() as AddressInfo
    const running = startTradelog([command], {
      EVENT_STORE: 'kafka',
      KAFKA__BROKER_URL: `127.0.0.1:${port}`,
      DATA_DIRECTORY: temporaryDirectory(),
    })
    const [socket] = (await asked) as [Socket]
    await running.kill('SIGTERM')
    assert.is(await running.exit(), expected, running.stderr())
    socket.destroy()
    broker.close()
  })
}

const unread: readonly (readonly [command: string, code: number])[] = [
  ['verify', 2],
  ['verify --json', 2],
  ['replay', 1],
  ['copy --to -', 1],
]

for (const [command, expected] of unread) {
  test(`${command} whose output is closed ends with ${expected} and no message`, async () => {
    const settings = { DATA_DIRECTORY: temporaryDirectory() }
    assert.is((await runTradelog(['replay'], settings)).code, 0)
    const running = startTradelog(command.split(' '), settings)
    running.process.stdout?.destroy()
    assert.is(await running.exit(), expected, running.stderr())
    assert.is(running.stderr(), '')
  })
}

test('a second signal ends a process at once', async () => {
  const tradelog = startTradelog(['start'], { DATA_DIRECTORY: temporaryDirectory(), API_PORT: '0' })
  await tradelog.address()
  tradelog.process.kill('SIGTERM')
  await tradelog.kill('SIGTERM')
  assert.ok([0, 1].includes((await tradelog.exit()) ?? -1))
})

test.run()
