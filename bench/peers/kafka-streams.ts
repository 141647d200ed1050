import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { kafkaBrokers, topicOf } from '../kafka.ts'
import type { Subject } from '../part.ts'
import { watchMemory } from '../process-watch.ts'
import { type Held, heldText } from './held.ts'

const built = join(import.meta.dirname, '../../../bench/peers/kafka-streams/target')

export const isStreamsBuilt = (): boolean => existsSync(join(built, 'lib'))

type Printed = Readonly<{
  events: number
  seconds: number
  cpuSeconds: number
  committedSeconds: number
  held: Held
}>

/** From the first event processed to the last; the time until the commit is another figure. */
export const runStreams =
  (commitMs: number): Subject =>
  async (given) => {
    const classPath = [join(built, 'classes'), join(built, 'lib', '*')].join(':')
    const options = ['-Xmx1g', '-XX:+UseParallelGC', '-cp', classPath, 'peers.Main']
    const work = [kafkaBrokers.join(), topicOf(given), given.events, commitMs, given.scratch]
    const java = spawn('java', [...options, ...work.map(String)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const memory = watchMemory(java.pid ?? 0)
    const ended = once(java, 'close')
    const output = await text(java.stdout).finally(memory.stop)
    const [code] = await ended
    if (code !== 0) throw new Error(`the Kafka Streams program ended with ${code}`)
    const { events, committedSeconds, held, ...clock }: Printed = JSON.parse(output)
    const bytes = memory.highest()
    return {
      count: events,
      ...clock,
      figures: { 'committed after s': committedSeconds },
      held: heldText(held),
      ...(bytes === null ? {} : { anonymousBytes: bytes }),
    }
  }
