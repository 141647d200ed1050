import { parseArgs } from 'node:util'
import { testSeed } from '../support/random.ts'

export type SoakOptions = Readonly<{
  minutes: number
  tradesPerSecond: number
  seed: number
  faultEveryMs: number
  /** For a stand-in for MongoDB that scans: only symbols, VWAP and health; verify may take long. */
  fewRoutes: boolean
  /** How long the read models may take to catch up when the feed has stopped. */
  catchUpMinutesMax: number
}>

export const soakUsage = `usage: npm run soak -- [options]

  --minutes N         how long trades flow (20)
  --rate N            trades a second (5000)
  --seed N            of trades and faults (TRADELOG_SEED, or one of the clock)
  --fault-every N     seconds between faults (20)
  --few-routes        for a store that scans: ask only for symbols, VWAP and health,
                      and give verify all the time it needs
  --catch-up N        how many minutes catching up may take after the last trade (30)

The stores are those of the end-to-end tests (TRADELOG_TEST_EVENT_STORE=kafka,
TRADELOG_TEST_READ_MODEL_STORE=mongodb); servers are stopped too if TRADELOG_TEST_SERVERS names
the script that does it. Progress goes to stderr, the report to stdout; exit 0: all is well.
`

/** Throws if an option is wrong; undefined if help is asked for. */
export function soakOptions(args: readonly string[]): SoakOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '20' },
      rate: { type: 'string', default: '5000' },
      seed: { type: 'string', default: String(testSeed) },
      'fault-every': { type: 'string', default: '20' },
      'few-routes': { type: 'boolean', default: false },
      'catch-up': { type: 'string', default: '30' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  return {
    minutes: positive('minutes', values.minutes),
    tradesPerSecond: positive('rate', values.rate),
    seed: positive('seed', values.seed),
    faultEveryMs: positive('fault-every', values['fault-every']) * 1_000,
    fewRoutes: values['few-routes'],
    catchUpMinutesMax: positive('catch-up', values['catch-up']),
  }
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0) throw new Error(`--${name} must be above 0`)
  return value
}
