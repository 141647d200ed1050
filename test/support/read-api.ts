import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { Ajv2020 } from 'ajv/dist/2020.js'
import pino from 'pino'
import * as assert from 'uvu/assert'
import type { OpenApiDocument } from '../../src/read-api/pages/openapi.ts'
import { type ReadApi, type ReadApiOptions, startReadApi } from '../../src/read-api/server.ts'
import { openEmbeddedReadModelStore } from '../../src/read-model-store/embedded/embedded-read-model-store.ts'
import type { ReadModelStore } from '../../src/read-model-store/read-model-store.ts'
import { loadConfig } from '../../src/runtime/config/config.ts'
import { createMetrics } from '../../src/runtime/metrics.ts'
import { type FaultyStore, faultyReadModelStore } from './faulty-read-model-store.ts'
import { type LiveReadModels, liveReadModels } from './live-read-models.ts'
import { temporaryDirectory } from './temporary-directory.ts'

export type Answer = Readonly<{
  status: number
  headers: IncomingHttpHeaders
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: a parsed answer, checked against its schema.
  json: any
}>

export type Get = (
  path: string,
  options?: { method?: string; headers?: Record<string, string> },
) => Promise<Answer>

export type TestApi = LiveReadModels &
  Readonly<{ api: ReadApi; store: FaultyStore; get: Get; close: () => Promise<void> }>

type TestApiOptions = Partial<ReadApiOptions> &
  Readonly<{ readModels?: 'all' | 'none'; openStore?: () => Promise<ReadModelStore> }>

/** The defaults of the settings. */
export const testLimits = loadConfig({ environment: {} }).config.limits

/** A running API, by default on embedded read models. Checks its answers by the OpenAPI schema. */
export async function startTestApi({
  readModels = 'all',
  openStore = () => openEmbeddedReadModelStore({ directory: temporaryDirectory() }),
  ...options
}: TestApiOptions = {}): Promise<TestApi> {
  const opened = await openStore()
  const models = await liveReadModels(opened, readModels)
  const store = faultyReadModelStore(opened)
  const api = await startReadApi({
    store,
    expectsIngest: false,
    host: '127.0.0.1',
    port: 0,
    requestTimeoutMs: 2_000,
    limits: testLimits,
    metrics: createMetrics(),
    logger: pino({ enabled: false }),
    ...options,
  })
  const agent = new Agent({ keepAlive: true })
  const document = JSON.parse((await send(api, agent, '/openapi.json')).text)
  const check = answerCheck(document)
  const get: Get = async (path, options) => {
    const answer = await send(api, agent, path, options)
    check(path, answer)
    return answer
  }
  const close = async () => {
    agent.destroy()
    await api.close()
    await opened.close()
  }
  return { ...models, api, store, get, close }
}

const send = (
  { port }: ReadApi,
  agent: Agent,
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request({ port, path, method, headers, agent }, async (response) => {
      const body = await text(response)
      const isJson = response.headers['content-type']?.startsWith('application/json')
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        text: body,
        json: isJson && body !== '' ? JSON.parse(body) : undefined,
      })
    })
    sent.once('error', reject)
    sent.end()
  })

function answerCheck(document: OpenApiDocument) {
  const ajv = new Ajv2020({ allowUnionTypes: true, formats: { 'date-time': true } })
  return (path: string, { status, json }: Answer): void => {
    if (json === undefined || json.openapi !== undefined) return
    const responses = operationOf(document, path)?.responses
    const schema =
      responses?.[String(status)]?.content?.['application/json']?.schema ??
      document.components.schemas.Failure
    assert.ok(responses === undefined || String(status) in responses, `${path}: ${status}`)
    const isValid = ajv.compile(schema ?? false)
    assert.ok(
      isValid(json),
      `${path}: ${ajv.errorsText(isValid.errors)} in ${JSON.stringify(json)}`,
    )
  }
}

function operationOf({ paths }: OpenApiDocument, path: string) {
  const [plain = ''] = path.split('?')
  const withSymbol = plain.replace(/\/[^/]*$/, '/{symbol}')
  return (paths[plain] ?? paths[withSymbol])?.get
}
