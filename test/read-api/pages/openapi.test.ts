import { Ajv2020 } from 'ajv/dist/2020.js'
import * as assert from 'uvu/assert'
import { errorCodes } from '../../../src/domain/errors.ts'
import { startTestApi } from '../../support/read-api.ts'
import { suite } from '../../support/suite.ts'

const test = suite('OpenAPI document')
const { get, close } = await startTestApi()
test.after(close)
const document = (await get('/openapi.json')).json
const operations = Object.entries<{ get: Operation }>(document.paths)

type Operation = {
  operationId: string
  parameters: { name: string; in: string; required: boolean; schema: object }[]
  responses: Record<string, { description: string; content?: object }>
}

test('describes every route', () => {
  assert.is(document.openapi, '3.1.0')
  const described = Object.keys(document.paths)
  const missing = [
    '/api/v1/candles/{symbol}',
    '/api/v1/feeds',
    '/api/v1/interruptions/{symbol}',
    '/api/v1/read-models',
    '/api/v1/stream',
    '/api/v1/symbols',
    '/api/v1/trades/{symbol}',
    '/api/v1/vwap',
    '/api/v1/vwap/{symbol}',
    '/healthz',
    '/readyz',
  ].filter((path) => !described.includes(path))
  assert.equal(missing, [])
})

test('has valid schemas and unique ids', () => {
  const ajv = new Ajv2020({ allowUnionTypes: true, formats: { 'date-time': true } })
  const ids = operations.map(([, { get: operation }]) => operation.operationId)
  assert.is(new Set(ids).size, ids.length)
  for (const [path, { get: operation }] of operations) {
    for (const { schema } of operation.parameters) ajv.compile(schema)
    assert.is(
      path.includes('{symbol}'),
      operation.parameters.some((one) => one.in === 'path'),
    )
    assert.ok('200' in operation.responses && '405' in operation.responses, path)
  }
})

test('names only codes that exist', () => {
  const named = operations.flatMap(([, { get: operation }]) =>
    Object.entries(operation.responses)
      .filter(([status]) => Number(status) >= 400)
      .flatMap(([, { description }]) => description.split(', ')),
  )
  assert.equal(
    named.filter((code) => !(errorCodes as readonly string[]).includes(code)),
    [],
  )
})

test('describes a limit as requests are checked', async () => {
  const limit = document.paths['/api/v1/trades/{symbol}'].get.parameters[1].schema
  assert.equal([limit.minimum, limit.maximum, limit.default], [1, 1_000, 15])
})

test('is also a page that names every path, loads nothing and runs nothing', async () => {
  const { status, text, headers } = await get('/docs')
  assert.is(status, 200)
  assert.is(headers['content-type'], 'text/html; charset=utf-8')
  for (const [path] of operations) assert.match(text, `GET ${path}`)
  assert.not.match(text, /`/)
  assert.match(text, 'For <code>before</code>, to get the next page')
  assert.not.match(text, /<script|src=|https?:|@import|url\(/)
  assert.match(String(headers['content-security-policy']), /style-src 'sha256-[A-Za-z0-9+/=]{44}'/)
})

test.run()
