import * as assert from 'uvu/assert'
import { comparisonOf } from '../../bench/comparison.ts'
import type { Measurement } from '../../bench/measurement.ts'
import type { Report } from '../../bench/report.ts'
import { suite } from '../support/suite.ts'

const test = suite('comparison of benchmarks')

const measured = (rate: number, cpuSecondsPerMillion: number): Measurement => ({
  rate,
  cpuSecondsPerMillion,
  anonymousBytes: null,
  figures: {},
  held: null,
})

type Figures = readonly [rate: number, cpu: number]

/** A line on its floor, measured once for each pair of figures. */
const report = (commit: string, floor: readonly Figures[], line: readonly Figures[]): Report => ({
  machine: 'a machine',
  versions: {},
  parts: [
    { name: 'other', reason: 'not here' },
    {
      name: 'part',
      title: 'Part',
      unit: 'events',
      date: '2026-01-01 00:00',
      commit,
      load: 0,
      server: null,
      missing: null,
      held: null,
      lines: [
        {
          line: { label: 'floor', subject: 'floor', events: 1 },
          measurements: floor.map((each) => measured(...each)),
        },
        {
          line: { label: 'line', subject: 'line', events: 1, beside: [{ floor: 'floor' }] },
          measurements: line.map((each) => measured(...each)),
        },
      ],
    },
  ],
})

const base = report('aaa', [[1_000, 1]], [[500, 2]])

test('compares a line by its ratio to the floor, so that the speed of the machine cancels out', () => {
  const head = report('bbb', [[400, 1]], [[200, 2]])
  const { markdown, isSlower } = comparisonOf([base], [head])
  assert.match(markdown, '## Benchmarks: aaa → bbb')
  assert.match(markdown, '| part: line | 500 → 200 | 0.50 → 0.50 | 2.0 → 2.0 | 1.00 |  |')
  assert.not(isSlower)
})

test('is slower only if both ratio and processor time are', () => {
  const slow = [100, 2] as const
  const costly = [500, 4] as const
  const both = [100, 4] as const
  const isSlowerWith = (line: Figures) =>
    comparisonOf([base], [report('bbb', [[1_000, 1]], [line])]).isSlower
  assert.equal([slow, costly, both].map(isSlowerWith), [false, false, true])
})

test('takes the median over repetitions and runs', () => {
  const noisy = report(
    'bbb',
    [
      [1_000, 1],
      [1_000, 1],
      [1_000, 1],
    ],
    [
      [100, 9],
      [490, 2],
      [510, 2],
    ],
  )
  const { markdown, isSlower } = comparisonOf([base, base], [noisy, noisy])
  assert.match(markdown, '0.50 → 0.49')
  assert.match(markdown, 'Medians of 2 runs of each')
  assert.not(isSlower)
})

test('skips a line that only one of them has', () => {
  const { markdown, isSlower } = comparisonOf([{ ...base, parts: [] }], [base])
  assert.not.match(markdown, 'part: line')
  assert.not(isSlower)
})

test.run()
