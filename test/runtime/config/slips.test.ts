import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { loadConfig } from '../../../src/runtime/config/config.ts'
import { failureOf } from '../../support/failure.ts'
import { suite } from '../../support/suite.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const test = suite('quotes, brackets and blanks in settings')

const directory = temporaryDirectory()

function load(content: string, environment: Readonly<Record<string, string>> = {}) {
  const file = join(directory, 'settings.yaml')
  writeFileSync(file, content)
  return loadConfig({ file, environment }).config
}

async function refusalOf(content: string, environment?: Readonly<Record<string, string>>) {
  const error = await failureOf(Promise.resolve().then(() => load(content, environment)))
  assert.is(error.code, 'CONFIG_INVALID')
  return error.message
}

const quote = (end: string) =>
  `has a quote at its ${end}, which would be part of it: write it without quotes`
const blank = (end: string) => `has a blank or line break at its ${end}: write it without`
const bracket = (end: string) =>
  `has a bracket at its ${end}: write symbols in one text as AAPL,TSLA`
const inBrackets = 'is in brackets: write a list in one text as A,B, without brackets'
const several =
  'looks like several symbols: separate them by commas (AAPL,TSLA), or as items of a list'

const variables: readonly (readonly [name: string, value: string, message: string])[] = [
  ['SUBSCRIBED_SYMBOLS', '"AAPL,TSLA"', `subscribed_symbols ${quote('beginning')}`],
  ['SUBSCRIBED_SYMBOLS', "'AAPL','TSLA'", `subscribed_symbols ${quote('beginning')}`],
  ['SUBSCRIBED_SYMBOLS', 'AAPL,TSLA"', `subscribed_symbols ${quote('end')}`],
  ['SUBSCRIBED_SYMBOLS', 'AAPL,"TSLA",AMD', `subscribed_symbols[1] ${quote('beginning')}`],
  ['SUBSCRIBED_SYMBOLS', '“AAPL”', `subscribed_symbols ${quote('beginning')}`],
  ['SUBSCRIBED_SYMBOLS', '[AAPL,TSLA]', `subscribed_symbols ${inBrackets}`],
  ['SUBSCRIBED_SYMBOLS', '["AAPL", "TSLA"]', `subscribed_symbols ${inBrackets}`],
  ['SUBSCRIBED_SYMBOLS', '[AAPL,TSLA', `subscribed_symbols[0] ${bracket('beginning')}`],
  ['SUBSCRIBED_SYMBOLS', '{AAPL,TSLA}', `subscribed_symbols[0] ${bracket('beginning')}`],
  ['SUBSCRIBED_SYMBOLS', 'AAPL TSLA', `subscribed_symbols[0] ${several}`],
  ['SUBSCRIBED_SYMBOLS', 'AMD,AAPL  TSLA', `subscribed_symbols[1] ${several}`],
  ['SUBSCRIBED_SYMBOLS', 'AAPL;TSLA', `subscribed_symbols[0] ${several}`],
  ['SUBSCRIBED_SYMBOLS', 'BINANCE:A BINANCE:B', `subscribed_symbols[0] ${several}`],
  ['SUBSCRIBED_SYMBOLS', ' AAPL,TSLA', `subscribed_symbols ${blank('beginning')}`],
  ['FILE__SYMBOLS', '"AAPL"', `file.symbols ${quote('beginning')}`],
  ['FILE__SYMBOLS', 'AAPL TSLA', `file.symbols[0] ${several}`],
  ['FILE__PATH', '"trades.csv"', `file.path ${quote('beginning')}`],
  ['FILE__PATH', 'trades.csv ', `file.path ${blank('end')}`],
  ['FEED', '"finnhub"', `feed ${quote('beginning')}`],
  ['FEED', '[finnhub,none]', `feed ${inBrackets}`],
  ['FEED', 'finnhub ', `feed ${blank('end')}`],
  ['FINNHUB__TOKEN', '"S3CRET"', `finnhub.token ${quote('beginning')}`],
  ['FINNHUB__TOKEN', 'S3CRET\n', `finnhub.token ${blank('end')}`],
  ['FINNHUB__TOKEN', 'S3C\u0007RET', 'finnhub.token has a control character: write it without'],
  ['FINNHUB__URL', "'wss://ws.finnhub.io'", `finnhub.url ${quote('beginning')}`],
  ['FINNHUB__URL', 'wss://ws.finnhub.io"', `finnhub.url ${quote('end')}`],
  ['KAFKA__BROKER_URL', '"one:9092,two:9092"', `kafka.broker_url ${quote('beginning')}`],
  ['KAFKA__BROKER_URL', '[one:9092,two:9092]', `kafka.broker_url ${inBrackets}`],
  ['KAFKA__BROKER_URL', 'one:9092 two:9092', 'kafka.broker_url[0] must be host:port'],
  ['KAFKA__BROKER_URL', '[::1]', 'kafka.broker_url[0] must be host:port'],
  ['KAFKA__SASL__USERNAME', 'me ', `kafka.sasl.username ${blank('end')}`],
  [
    'KAFKA__SASL__PASSWORD',
    'S3CRET\n',
    'kafka.sasl.password ends in a line break: write it without',
  ],
  ['KAFKA__SSL_CA_FILE', '"ca.pem"', `kafka.ssl_ca_file ${quote('beginning')}`],
  ['LIMITS__TRUSTED_PROXIES', '"10.0.0.1"', `limits.trusted_proxies ${quote('beginning')}`],
  ['LIMITS__TRUSTED_PROXIES', '[10.0.0.1]', `limits.trusted_proxies ${inBrackets}`],
  ['MONGODB__URL', 'mongodb://me:S3CRET@host"', `mongodb.url ${quote('end')}`],
  ['DATA_DIRECTORY', './data ', `data_directory ${blank('end')}`],
  ['API_HOST', '"0.0.0.0"', `api_host ${quote('beginning')}`],
  ['API_PORT', '"8000"', `api_port ${quote('beginning')}`],
  ['CORS_ORIGIN', 'https://example.org"', `cors_origin ${quote('end')}`],
  ['LOG__LEVEL', '"info"', `log.level ${quote('beginning')}`],
  ['TIMEOUTS__SHUTDOWN', '5s\r', `timeouts.shutdown ${blank('end')}`],
]

for (const [name, value, message] of variables) {
  test(`refuses ${name}=${JSON.stringify(value)}, and says what to write`, async () => {
    assert.is(await refusalOf('', { [`TRADELOG_${name}`]: value }), message)
  })
}

const files: readonly (readonly [content: string, message: string])[] = [
  ['subscribed_symbols: [" IBM"]', `subscribed_symbols[0] ${blank('beginning')}`],
  ['subscribed_symbols: " IBM"', `subscribed_symbols ${blank('beginning')}`],
  ['subscribed_symbols: ["IBM\u00a0"]', `subscribed_symbols[0] ${blank('end')}`],
  [`subscribed_symbols: ['"IBM"']`, `subscribed_symbols[0] ${quote('beginning')}`],
  ['subscribed_symbols: ["[IBM]"]', `subscribed_symbols[0] ${bracket('beginning')}`],
  ['subscribed_symbols: ["AAPL,TSLA"]', `subscribed_symbols[0] ${several}`],
  ['subscribed_symbols: "[AAPL,TSLA]"', `subscribed_symbols ${inBrackets}`],
  ['file: { symbols: ["IBM "] }', `file.symbols[0] ${blank('end')}`],
  ['finnhub: { token: " S3CRET" }', `finnhub.token ${blank('beginning')}`],
  ['kafka: { broker_url: [" one:9092"] }', `kafka.broker_url[0] ${blank('beginning')}`],
  ['feed: [" finnhub"]', `feed[0] ${blank('beginning')}`],
]

for (const [content, message] of files) {
  test(`refuses ${content}, and says what to write`, async () => {
    assert.is(await refusalOf(content), message)
  })
}

const symbols: readonly string[] = [
  'BINANCE:BTCUSDT',
  'IC MARKETS:1',
  'KRAKEN:XBT/USD',
  '__proto__',
  'IC "MARKETS":1',
  "O'NEIL",
  'A[1]B',
  'BRK.B',
  '^GSPC',
  'aapl',
  'ÄÖ😀',
]

test('takes every text that can be a symbol, from the environment and from a file', () => {
  const variable = { TRADELOG_SUBSCRIBED_SYMBOLS: symbols.join(', ') }
  assert.equal(load('', variable).subscribedSymbols, symbols)
  const content = `subscribed_symbols: ${JSON.stringify(symbols)}`
  assert.equal(load(content).subscribedSymbols, symbols)
  const one = { TRADELOG_FILE__SYMBOLS: symbols.join(',') }
  assert.equal(load('', one).file.symbols, symbols)
})

test('takes a password as it is, with blanks and quotes', () => {
  const password = ' "S3CRET" '
  const { kafka } = load('', {
    TRADELOG_KAFKA__SASL__MECHANISM: 'plain',
    TRADELOG_KAFKA__SASL__USERNAME: 'me',
    TRADELOG_KAFKA__SASL__PASSWORD: password,
  })
  assert.is(kafka.sasl.password, password)
})

test.run()
