import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { certificate } from '../support/certificate.ts'
import { eventually } from '../support/eventually.ts'
import { type LoginBroker, loginBroker } from '../support/kafka-login.ts'
import { embeddedStores } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runTradelog, startTradelog } from '../support/tradelog.ts'

const test = suite('login to a managed Kafka')

const authority = join(temporaryDirectory(), 'ca.pem')
writeFileSync(authority, certificate)

const settingsFor = ({ broker }: LoginBroker) => ({
  ...embeddedStores(),
  FEED: 'none',
  KAFKA__BROKER_URL: broker,
  KAFKA__SSL: 'true',
  KAFKA__SASL__MECHANISM: 'plain',
  KAFKA__SASL__USERNAME: 'me',
  KAFKA__SASL__PASSWORD: 'S3CRET',
})

test('goes over TLS; if it is refused, the role ends and shows no secret', async () => {
  const kafka = await loginBroker()
  const settings = { ...settingsFor(kafka), KAFKA__SSL_CA_FILE: authority }
  const { code, stdout, stderr } = await runTradelog(['ingest'], settings)
  assert.is(code, 2, stderr)
  assert.match(stderr, /EVENT_STORE_REFUSED: .*no such user/)
  assert.equal(kafka.logins[0], { mechanism: 'PLAIN', credentials: 'me S3CRET' })
  assert.not.match(stdout + stderr, 'S3CRET')
  kafka.close()
})

test('is not tried if the certificate is not trusted, and the log says why', async () => {
  const kafka = await loginBroker()
  const ingest = startTradelog(['ingest'], settingsFor(kafka))
  await eventually(() => /waiting for a store: /.test(ingest.stderr()))
  assert.match(ingest.stderr(), /"msg":"waiting for a store: [^"]*self-signed certificate/)
  assert.equal(kafka.logins, [])
  await ingest.kill('SIGTERM')
  assert.is(await ingest.exit(), 0, ingest.stderr())
  kafka.close()
})

test.run()
