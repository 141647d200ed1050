import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { get, tradeCounts } from '../support/api-client.ts'
import { eventually } from '../support/eventually.ts'
import { seededRandom } from '../support/random.ts'
import { serversReason } from '../support/servers.ts'
import { freshStores, storePair } from '../support/store-pair.ts'
import { runTradelog, type Settings } from '../support/tradelog.ts'
import { commitFaults, memberTarget, planFaults, serverTarget, type Target } from './faults.ts'
import { type Member, startMember } from './member.ts'
import { sampleMemory } from './memory.ts'
import type { SoakOptions } from './options.ts'
import { readApi } from './readers.ts'
import type { SoakReport } from './report.ts'

/** Runs every role in its own processes under load, with one fault after another; then verifies. */
export async function soak(
  options: SoakOptions,
  print: (text: string) => void,
): Promise<SoakReport> {
  const { address, settings } = await settingsOf(options)
  const failures: string[] = []
  const logDirectory = mkdtempSync(join(tmpdir(), 'tradelog-soak-'))
  print(`logs are in ${logDirectory}`)
  // A process that keeps ending would fill the report.
  const onSurprise = (surprise: string) => {
    if (failures.length < failuresMax) failures.push(surprise)
  }
  const members = roles.map(([name, ...args]) =>
    startMember({ name, args: argsOf(args, settings), settings, logDirectory, onSurprise }),
  )
  await eventually(async () => (await tradeCounts(address)).size > 0, { timeoutMs: 120_000 })

  const flowFrom = Date.now()
  const memory = sampleMemory(members)
  const reading = readApi(address, options)
  const targets = [...members.map(memberTarget), ...serverTargets()]
  const untilMs = options.minutes * 60_000
  const random = seededRandom(options.seed)
  const faults = planFaults({ random, targets, everyMs: options.faultEveryMs, untilMs })
  await commitFaults(faults, { targets, print: (text) => print(`${elapsed(flowFrom)} ${text}`) })
  await sleep(Math.max(0, flowFrom + untilMs - Date.now()))

  const [feed, ...others] = members as [Member, ...Member[]]
  const stopped = [await stop(feed)]
  const flowSeconds = (Date.now() - flowFrom) / 1_000
  print(`${elapsed(flowFrom)} the feed has stopped; catching up`)
  const caughtUp = await catchUp(address, options.catchUpMinutesMax * 60_000).catch(String)
  if (typeof caughtUp === 'string') failures.push(`not caught up: ${caughtUp}`)
  const catchUpSeconds = (Date.now() - flowFrom) / 1_000 - flowSeconds
  const asked = await reading.end()
  failures.push(...new Set(asked.wrong), ...(await miscounted(address)))
  const memoryOfMembers = memory.end()
  for (const { name, isFlat } of memoryOfMembers)
    if (isFlat === false) failures.push(`${name} grew`)
  for (const member of others) stopped.push(await stop(member))
  failures.push(...stopped.flat())
  print(`${elapsed(flowFrom)} verifying`)
  const patience = options.fewRoutes ? { TIMEOUTS__BACKGROUND_OPERATION: '10m' } : {}
  const verification = await runTradelog(['verify'], { ...settings, ...patience })
  if (verification.code !== 0) failures.push(`verify ended with ${verification.code}`)
  return {
    options,
    stores: storePair.name,
    machine: `${availableParallelism()} × ${cpus()[0]?.model.trim()}, Node ${process.versions.node}`,
    date: new Date().toISOString().slice(0, 10),
    events: typeof caughtUp === 'string' ? 0 : caughtUp.events,
    flowSeconds,
    catchUpSeconds,
    faults,
    asked,
    memory: memoryOfMembers,
    verified: verification.stdout.trim().split('\n'),
    failures,
  }
}

/** The feed first, because it is stopped first. */
const roles: readonly (readonly [string, ...string[]])[] = [
  ['feed', 'feed'],
  ['ingest-1', 'ingest'],
  ['ingest-2', 'ingest'],
  ['project-1', 'project'],
  ['project-2', 'project'],
  ['api', 'api'],
]

const argsOf = (args: readonly string[], { FEED_PORT = '' }: Settings): readonly string[] =>
  args[0] === 'feed' ? [...args, '--port', FEED_PORT] : args

/** The ports stay the same when a process is replaced, so that the others find the next one. */
async function settingsOf({ tradesPerSecond, seed }: SoakOptions) {
  const [apiPort, feedPort] = [await freePort(), await freePort()]
  const settings: Settings = {
    ...freshStores(),
    API_PORT: String(apiPort),
    FEED_PORT: String(feedPort),
    FEED: 'finnhub',
    FINNHUB__URL: `ws://127.0.0.1:${feedPort}`,
    FINNHUB__TOKEN: 'soak',
    SIMULATED__TRADES_PER_SECOND: String(tradesPerSecond),
    SIMULATED__SEED: String(seed),
  }
  return { address: `http://127.0.0.1:${apiPort}`, settings }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })

function serverTargets(): readonly Target[] {
  if (serversReason !== undefined) return []
  const { eventStore, readModelStore } = storePair
  return [
    ...(eventStore === 'kafka' ? [serverTarget('kafka')] : []),
    ...(readModelStore === 'mongodb' ? [serverTarget('mongo')] : []),
  ]
}

type ReadModels = Readonly<{
  data: readonly Readonly<{ name: string; events_applied: number; lag: number | null }>[]
}>

/** Waits until every read model has caught up and nothing new has come for a while. */
async function catchUp(address: string, timeoutMs: number): Promise<{ events: number }> {
  let events = -1
  let quiet = 0
  const isDone = async () => {
    const { data } = await get<ReadModels>(`${address}/api/v1/read-models`)
    const applied = data.data.reduce((sum, { events_applied }) => sum + events_applied, 0)
    const isQuiet = data.data.every(({ lag }) => lag === 0) && applied === events
    events = applied
    quiet = isQuiet ? quiet + 1 : 0
    if (quiet < quietLooks) return undefined
    return { events: data.data.find(({ name }) => name === 'trades')?.events_applied ?? 0 }
  }
  return await eventually(isDone, { timeoutMs, everyMs: 1_000 })
}

const quietLooks = 10
const failuresMax = 50

/** Read models that are at the head of the log have all counted the same trades. */
async function miscounted(address: string): Promise<readonly string[]> {
  const { data } = await get<ReadModels>(`${address}/api/v1/read-models`)
  const inTrades = data.data.find(({ name }) => name === 'trades')?.events_applied
  const inSymbols = [...(await tradeCounts(address)).values()].reduce((a, b) => a + b, 0)
  return inTrades === inSymbols ? [] : [`${inTrades} trades, but ${inSymbols} by symbol`]
}

async function stop(member: Member): Promise<readonly string[]> {
  const code = await member.stop()
  return code === 0 ? [] : [`${member.name} was stopped and ended with ${code}`]
}

const elapsed = (from: number): string => `${((Date.now() - from) / 1_000).toFixed(0)} s`
