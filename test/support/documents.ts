import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../../..')

/** The cells of the table under a heading of a document, without its own head. */
export function tableUnder(document: string, heading: string): readonly (readonly string[])[] {
  const text = readFileSync(join(root, document), 'utf8')
  const section = text.split(/^(?=#)/m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  const lines = section.split('\n').filter((line) => line.startsWith('|'))
  return lines.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  )
}
