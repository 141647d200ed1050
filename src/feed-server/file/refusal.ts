import type { UnixMs } from '../../domain/time.ts'
import { exactJsonOf, isExactNumber, parseExactJson } from '../../runtime/exact-json.ts'
import type { FileTrade } from './file-trade.ts'

type Entry = Readonly<Partial<Record<'p' | 'v' | 't' | 's' | 'c', unknown>>>

/** Why ingest doesn't take a trade, by the reason that it gives: with the value, and what to do. */
export function refusalOf(reason: string, { entry, names }: FileTrade, now: UnixMs): string {
  const { p, v, t, s, c } = parseExactJson(entry) as Entry
  const words: Readonly<Record<string, () => string>> = {
    time_before_2000: () => `${said(names.t, t)} is before 2000${timeHint(t, now)}`,
    time_in_the_future: () => `${said(names.t, t)} lies in the future${timeHint(t, now)}`,
    time_not_an_integer: () => timeRefusal(names.t, t) + timeHint(t, now),
    invalid_price: () => otherThan('a number', names.p, p) + numberHint(p),
    price_too_long: () => `${said(names.p, p)} has too many digits`,
    invalid_volume: () => volumeRefusal(names.v, v),
    volume_too_long: () => `${said(names.v, v)} has too many digits`,
    invalid_symbol: () => otherThan(symbolForm, names.s, s),
    invalid_conditions: () => otherThan('a list of texts', names.c, c),
    conditions_too_long: () => `its ${names.c} are longer than 1 KiB`,
    message_too_large: () => 'it is larger than 1 MiB',
  }
  return words[reason]?.() ?? reason.replaceAll('_', ' ')
}

const symbolForm = '1 to 128 bytes of text without control characters'
const shownCharactersMax = 40

const said = (name: string, value: unknown): string =>
  `${name} ${(exactJsonOf(value) ?? '').slice(0, shownCharactersMax)}`

const otherThan = (form: string, name: string, value: unknown): string =>
  value === undefined ? `${name} is missing` : `${said(name, value)} is not ${form}`

const timeRefusal = (name: string, time: unknown): string =>
  /^-?\d+$/.test(digitsOf(time) ?? '')
    ? `${said(name, time)} has too many digits`
    : otherThan('a whole number', name, time)

function volumeRefusal(name: string, volume: unknown): string {
  if (digitsOf(volume)?.startsWith('-')) {
    return `negative ${said(name, volume)}: give the size of each trade, without a sign`
  }
  return otherThan('a number', name, volume) + numberHint(volume)
}

const numberHint = (value: unknown): string =>
  typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value))
    ? ': give it without quotes'
    : ''

/** By what times have to be multiplied to be in milliseconds. */
const units: readonly (readonly [name: string, factor: number])[] = [
  ['Unix seconds', 1e3],
  ['Unix microseconds', 1e-3],
  ['Unix nanoseconds', 1e-6],
]

const dayMs = 86_400_000
const year2000: UnixMs = Date.UTC(2000, 0, 1)
const latestMs = 8.64e15

/** What a time that isn't taken looks like. */
function timeHint(value: unknown, now: UnixMs): string {
  const text = digitsOf(value)
  if (text === undefined) return numberHint(value)
  const time = Number(text)
  const isPlausible = (ms: number) => ms >= year2000 && ms <= now + dayMs
  const unit = units.find(([, factor]) => isPlausible(time * factor))
  if (unit !== undefined) return `: it looks like ${unit[0]}, give milliseconds`
  if (isPlausible(time)) return ': give whole milliseconds'
  if (/^(?:19|20)\d{6}(?:\d{6})?(?:\d{3})?$/.test(text)) {
    return ': it looks like a date, give Unix time in milliseconds'
  }
  if (Math.abs(time) > latestMs) return ': give Unix time in milliseconds'
  const date = new Date(time).toISOString()
  if (time < now) return `: it is ${date} in Unix milliseconds`
  return `: it is ${date}, and this machine's clock says ${new Date(now).toISOString()}: is it right?`
}

/** The digits of a number; undefined for anything else. */
function digitsOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  return isExactNumber(value) ? value.value : undefined
}
