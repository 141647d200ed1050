import type { ReplayStatus } from '../projections/status.ts'
import type { CommandContext } from './command.ts'

const barCharacters = 30

/** A bar for each model on a terminal, a line each second where the output is piped, or JSON lines. */
export const progressPrinter = ({ flags, print }: CommandContext) => {
  if (flags.json === true) return (status: ReplayStatus) => print(`${JSON.stringify(status)}\n`)
  if (!process.stdout.isTTY) return (status: ReplayStatus) => print(`${progressLine(status)}\n`)
  return barPrinter(print)
}

/** Keeps one line a model up to date: goes back up to its line, writes it, and returns below. */
const barPrinter = (print: (text: string) => void) => {
  const models: string[] = []
  return (status: ReplayStatus) => {
    if (!models.includes(status.model)) {
      models.push(status.model)
      print('\n')
    }
    const up = models.length - models.indexOf(status.model)
    print(`\u001b[${up}A\r\u001b[2K${bar(status)} ${progressLine(status)}\u001b[${up}B\r`)
  }
}

const bar = ({ eventsDone, eventsTotal }: ReplayStatus): string => {
  const part = eventsTotal === 0 ? 1 : Math.min(eventsDone / eventsTotal, 1)
  const full = Math.floor(part * barCharacters)
  return `${'█'.repeat(full)}${'░'.repeat(barCharacters - full)}`
}

const progressLine = (status: ReplayStatus): string => {
  const { model, state, eventsDone, eventsTotal, eventsPerSecond, remainingMs, error } = status
  const done = `${eventsDone.toLocaleString('en')} of ${eventsTotal.toLocaleString('en')} events`
  const rate = `${eventsPerSecond.toLocaleString('en')}/s`
  const left = remainingMs === null ? '' : `, ${Math.ceil(remainingMs / 1_000)} s left`
  const why = error === null ? '' : `: ${error.code}`
  return `${model}: ${state}${why}, ${done}, ${rate}${left}`
}
