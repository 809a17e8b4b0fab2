import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import { expect, test } from 'vitest'
import { until } from '../../test/faults/until.ts'
import { tlsFiles } from '../http/tls.fixture.ts'
import { selfSigned } from '../testing/self-signed.ts'
import { authenticate } from './channels.fixture.ts'
import { count, liveApp, TestClient } from './live.fixture.ts'

const anyCertificate = { rejectUnauthorized: false }

async function connect(app: Awaited<ReturnType<typeof liveApp>>, resume?: string) {
  const client = new TestClient(app, { ws: anyCertificate, resume })
  const [{ socket }] = (await once(client.socket, 'upgrade')) as [{ socket: TLSSocket }]
  await until('it is connected', () => client.has('connected'))
  return { client, certificate: socket.getPeerCertificate().subject.CN }
}

test('with a certificate, live connections are encrypted; a new one is shown to new connections, and cuts none', async () => {
  const { files, write } = await tlsFiles(selfSigned('first'))
  await using app = await liveApp({
    http: { host: '127.0.0.1', port: 0, authenticate, tls: { ...files, checkEvery: 10 } },
  })
  expect(app.url).toMatch(/^https:/)
  const before = await connect(app)
  expect(before.certificate).toBe('first')
  await write(selfSigned('second'))
  let after = await connect(app, before.client.at)
  while (after.certificate === 'first') {
    after.client[Symbol.dispose]()
    after = await connect(app, before.client.at)
  }
  expect(after.certificate).toBe('second')
  await count(app, 'anna', [1, 2])
  await until('both have all', () => before.client.numbers.length === 2 && after.client.numbers.length === 2)
  expect(before.client.hasEnded).toBe(false)
  before.client[Symbol.dispose]()
  after.client[Symbol.dispose]()
})

test('with a certificate, nothing is served without encryption', async () => {
  const { files } = await tlsFiles(selfSigned('first'))
  await using app = await liveApp({ http: { host: '127.0.0.1', port: 0, authenticate, tls: files } })
  using client = new TestClient({ url: app.url.replace('https', 'http') })
  expect((await client.ended).code).toBe(1006)
})
