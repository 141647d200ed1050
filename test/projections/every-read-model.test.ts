import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { readModels } from '../../src/projections/read-models/index.ts'
import { openEmbeddedReadModelStore } from '../../src/read-model-store/embedded/embedded-read-model-store.ts'
import { naiveFolds } from '../../src/verify/folds/index.ts'
import { laws, property, sameInStore } from '../support/laws.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const test = suite('every read model')
const timeoutMs = 120_000

test('has a unique name, and a naive fold of its version', () => {
  const names = readModels.map(({ name }) => name)
  assert.equal(names, [...new Set(names)])
  for (const { name, version } of readModels) {
    assert.is(naiveFolds.find(({ model }) => model === name)?.version, version, name)
  }
})

const store = await openEmbeddedReadModelStore({ directory: temporaryDirectory() })
test.after(() => store.close())

for (const projection of readModels) {
  for (const [law, check] of Object.entries(laws)) {
    test(`${projection.name}: ${law}`, () => fc.assert(property(check, () => projection)), {
      timeoutMs,
    })
  }

  test(
    `${projection.name}: the embedded store ends with the same rows`,
    async () => {
      const { name: model, version, kind } = projection
      const create = () => store.create({ model, version, kind })
      await fc.assert(
        sameInStore(() => projection, create),
        { numRuns: 5 },
      )
    },
    { timeoutMs },
  )
}

test.run()
