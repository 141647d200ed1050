import type { ReplayStatus } from '../read-model-store/status.ts'

const barCharactersMax = 30

export type Bars = Readonly<{
  show: (status: ReplayStatus) => void
  /** Writes something else above the bars, such as a line of the log. */
  above: (write: () => void) => void
  /** Ends drawing: later output goes below the bars. */
  end: () => void
}>

/** A bar for each model at the bottom of a terminal of so many columns. */
export function createBars(print: (text: string) => void, columns: () => number): Bars {
  const shown = new Map<string, ReplayStatus>()
  const erase = () => {
    if (shown.size > 0) print(`\u001b[${shown.size}A\r\u001b[J`)
  }
  const draw = () => {
    print(Array.from(shown.values(), (status) => `${barLine(status, columns())}\n`).join(''))
  }
  return {
    show: (status) => {
      erase()
      shown.set(status.model, status)
      draw()
    },
    above: (write) => {
      erase()
      write()
      draw()
    },
    end: () => shown.clear(),
  }
}

/** Shortens first the bar, then the text: a line that wraps could not be redrawn in its place. */
function barLine(status: ReplayStatus, columns: number): string {
  const text = progressLine(status)
  const room = Math.max(0, Math.min(barCharactersMax, columns - text.length - 2))
  return room === 0 ? text.slice(0, Math.max(0, columns - 1)) : `${bar(status, room)} ${text}`
}

function bar({ eventsDone, eventsTotal }: ReplayStatus, characters: number): string {
  const part = eventsTotal === 0 ? 1 : Math.min(eventsDone / eventsTotal, 1)
  const full = Math.floor(part * characters)
  return `${'█'.repeat(full)}${'░'.repeat(characters - full)}`
}

export function progressLine(status: ReplayStatus): string {
  const { model, state, eventsDone, eventsTotal, eventsPerSecond, remainingMs, error } = status
  const done = `${eventsDone.toLocaleString('en')} of ${eventsTotal.toLocaleString('en')} read`
  const rate = `${eventsPerSecond.toLocaleString('en')}/s`
  const left = remainingMs === null ? '' : `, ${Math.ceil(remainingMs / 1_000)} s left`
  const why = error === null ? '' : `: ${error.code}`
  return `${model}: ${state}${why}, ${done}, ${rate}${left}`
}
