import * as assert from 'uvu/assert'
import { suite } from '../../support/suite.ts'

const test = suite('stream of the page')
const { live } = await import(
  new URL('../../../../src/read-api/public/live.js', import.meta.url).href
)

type Timer = { run: () => void; ms: number }

/** Runs the work with a browser's `EventSource` and timers that a test fires itself. */
function inBrowser(work: (browser: { emit: (event: string) => void; timers: Timer[] }) => void) {
  const { setTimeout, clearTimeout, EventSource } = globalThis
  const listeners = new Map<string, () => void>()
  const timers: Timer[] = []
  class Source {
    addEventListener = (event: string, listener: () => void) => listeners.set(event, listener)
    close() {}
  }
  Object.assign(globalThis, {
    EventSource: Source,
    setTimeout: (run: (arg: unknown) => void, ms: number, arg: unknown) => {
      const timer = { run: () => run(arg), ms }
      timers.push(timer)
      return timer
    },
    clearTimeout: (timer: Timer) => {
      if (timers.includes(timer)) timers.splice(timers.indexOf(timer), 1)
    },
  })
  try {
    work({ emit: (event) => listeners.get(event)?.(), timers })
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout, EventSource })
  }
}

const ignored = { onTick: () => {}, onCandle: () => {}, onOpen: () => {}, onLost: () => {} }

test('a stream that opens and ends at once is opened ever more seldom', () => {
  inBrowser(({ emit, timers }) => {
    live(ignored).open('1m')
    const waits: number[] = []
    for (let i = 0; i < 100; i++) {
      emit('open')
      emit('error')
      const [retry] = timers.splice(0)
      waits.push(retry?.ms ?? 0)
      retry?.run()
    }
    assert.ok(Number(waits[0]) <= 1_000)
    assert.ok(
      waits.slice(4).every((ms) => ms >= 5_000 && ms <= 10_000),
      String(waits),
    )
  })
})

test('a stream that has stayed open for a while is opened again soon', () => {
  inBrowser(({ emit, timers }) => {
    live(ignored).open('1m')
    for (let i = 0; i < 10; i++) {
      emit('error')
      timers.splice(0)[0]?.run()
    }
    emit('open')
    timers.splice(0)[0]?.run()
    emit('error')
    assert.ok(Number(timers[0]?.ms) <= 1_000)
  })
})

test.run()
