/** Text on a terminal: styles are added last, so that widths are counted without them. */

export type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow'

const codes: Readonly<Record<Style, number>> = { bold: 1, dim: 2, green: 32, red: 31, yellow: 33 }

export const styled = (text: string, style: Style | undefined): string =>
  style === undefined || text === '' ? text : `\u001b[${codes[style]}m${text}\u001b[0m`

/** Exactly so wide; text that is cut ends in an ellipsis. Control characters become `?`. */
export function fitted(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  if (width <= 0) return ''
  const characters = [...text.replaceAll(/\p{Cc}/gu, '?')]
  if (characters.length > width) return `${characters.slice(0, width - 1).join('')}…`
  const space = ' '.repeat(width - characters.length)
  return align === 'left' ? characters.join('') + space : space + characters.join('')
}

/** Cut between words, into lines that are no wider. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`
    if (lines.length > 0 && [...longer].length <= width) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}

/**
 * Decimal text in at most so many characters: rounded if need be, and with an exponent if nothing
 * else would be left.
 */
export function fittedDecimal(decimal: string, width: number): string {
  if (decimal.length <= width) return decimal
  for (let digits = doubleDigitsMax; digits > 1; digits--) {
    const rounded = Number(Number(decimal).toPrecision(digits))
    const text = [String(rounded), rounded.toExponential()].find(({ length }) => length <= width)
    if (text !== undefined) return text
  }
  return Number(decimal).toExponential(0)
}

const doubleDigitsMax = 17

const bars = [...'▁▂▃▄▅▆▇█']

/** The latest numbers that fit, scaled from the lowest to the highest of them. */
export function sparkline(numbers: readonly number[], width: number): string {
  const shown = numbers.slice(-width)
  const lowest = Math.min(...shown)
  const range = Math.max(...shown) - lowest
  return shown
    .map((number) => (range === 0 ? 3 : Math.round(((number - lowest) / range) * 7)))
    .map((level) => bars[level] ?? '')
    .join('')
}

export function progressBar(part: number, width: number): string {
  const full = Math.floor(Math.min(1, Math.max(0, part)) * width)
  return '█'.repeat(full) + '░'.repeat(width - full)
}
