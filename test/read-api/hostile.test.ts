import * as assert from 'uvu/assert'
import { tableUnder } from '../support/documents.ts'
import { eventually } from '../support/eventually.ts'
import { testMongodb } from '../support/mongodb.ts'
import { rawRequest } from '../support/raw-http.ts'
import { startTestApi, type TestApi } from '../support/read-api.ts'
import { suite } from '../support/suite.ts'
import { trade } from '../support/trade.ts'

const test = suite('odd requests to the read API')

const cases = tableUnder('docs/api.md', '## What odd requests get').map(
  ([request = '', answer]) => ({
    request: request.slice(1, -1),
    answer,
  }),
)

/** The bytes that a line of the table stands for. */
function bytesOf(request: string): string {
  const spelt = request
    .replaceAll(/(.)×(\d+)/g, (_, character: string, times) => character.repeat(Number(times)))
    .replaceAll('⏎', '\r\n')
    .replaceAll('␀', '\0')
  if (spelt.endsWith('…')) return spelt.slice(0, -1)
  return spelt.includes('\r\n') ? spelt : `${spelt}\r\nHost: a\r\nConnection: close\r\n\r\n`
}

async function answerTo({ api }: TestApi, request: string): Promise<string> {
  const answer = await rawRequest(api.port, bytesOf(request))
  if (answer === undefined) return 'closed'
  const { status, head, body } = answer
  assert.match(head, /\r\ncontent-type: application\/json/i, request)
  assert.not.match(head, /set-cookie/i, request)
  const { data, error, message } = JSON.parse(body)
  if (error === null) return String(status)
  assert.is(data, null, request)
  assert.type(message, 'string', request)
  return `${status} \`${error.code}\``
}

const slowness = { headersMsMax: 200, requestMsMax: 300, checkEveryMs: 50 }

test('each gets the answer of the documented table, and the next request is answered', async () => {
  const testApi = await startTestApi({ slowness })
  await testApi.record([trade()])
  assert.ok(cases.length > 50)
  for (const { request, answer } of cases) {
    assert.is(await answerTo(testApi, request), answer, request)
    assert.is((await testApi.get('/api/v1/trades/AAPL')).status, 200, request)
  }
  await testApi.close()
})

const mongodb = await testMongodb()
const title = 'no operator reaches MongoDB: each gets the same there, and changes nothing'
if ('reason' in mongodb) {
  test.skip(title, mongodb.reason)
} else {
  test.after(mongodb.close)
  test(title, async () => {
    const database = mongodb.database()
    const testApi = await startTestApi({
      openStore: () => database.open(),
      requestTimeoutMs: 9_000,
    })
    await testApi.record([trade(), trade({ symbol: '{"$gt":""}', price: '7' })])
    const paths = ['/api/v1/trades/AAPL', '/api/v1/vwap/%7B%22%24gt%22%3A%22%22%7D']
    const rows = () => Promise.all(paths.map(async (path) => (await testApi.get(path)).text))
    const before = await rows()
    assert.match(before[1] ?? '', '"trade_count":1')
    const injections = cases.filter(
      ({ request }) => /[$[]/.test(request) && !/gt%|"}/.test(request),
    )
    assert.ok(injections.length >= 5)
    for (const { request, answer } of injections) {
      assert.is(await answerTo(testApi, request), answer, request)
    }
    await eventually(async () => String(await rows()) === String(before))
    await testApi.close()
  })
}

test.run()
