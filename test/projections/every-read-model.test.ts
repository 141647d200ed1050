import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { readModels } from '../../src/projections/read-models/index.ts'
import { naiveFolds } from '../../src/verify/folds/index.ts'
import { laws, property } from '../support/laws.ts'
import { suite } from '../support/suite.ts'

const test = suite('every read model')
const timeoutMs = 120_000

test('has a name of its own, and a naive fold of its version', () => {
  const names = readModels.map(({ name }) => name)
  assert.equal(names, [...new Set(names)])
  for (const { name, version } of readModels) {
    assert.is(naiveFolds.find(({ model }) => model === name)?.version, version, name)
  }
})

for (const projection of readModels) {
  for (const [law, check] of Object.entries(laws)) {
    test(`${projection.name}: ${law}`, () => fc.assert(property(check, () => projection)), {
      timeoutMs,
    })
  }
}

test.run()
