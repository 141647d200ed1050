import { readFileSync } from 'node:fs'
import { comparisonOf } from './comparison.ts'
import type { Report } from './report.ts'

/**
 * `compare.js BASE.json HEAD.json [BASE.json HEAD.json …]`: prints the comparison of two commits as
 * Markdown. Ends with 1 if a line has become far slower.
 */
const reports = process.argv.slice(2).map((path): Report => JSON.parse(readFileSync(path, 'utf8')))
const bases = reports.filter((_, i) => i % 2 === 0)
const heads = reports.filter((_, i) => i % 2 === 1)
const { markdown, isSlower } = comparisonOf(bases, heads)
process.stdout.write(markdown)
if (isSlower) process.exitCode = 1
