import { generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestDatabase, selfSigned } from 'millrace/testing'
import { expect, onTestFinished, test } from 'vitest'
import { compose } from './compose.ts'
import { readConfig } from './config.ts'

const JWT_SECRET = 'a secret of thirty-two bytes or more'

/** The app with its tasks, as the environment has it, on a database of its own; ends with the test. */
async function start(environment: Record<string, string>) {
  const database = await createTestDatabase()
  const own = { DATABASE_URL: database.url, PORT: '0', LOG_LEVEL: 'silent', MODULES: 'tasks' }
  const app = await compose(readConfig({ ...own, ...environment }))
  onTestFinished(async () => {
    await app.stop()
    await database.drop()
  })
  await app.start()
  return {
    url: app.url,
    ask: async (
      path: string,
      { token, body, ...headers }: { token?: string; body?: object } & Record<string, unknown> = {},
    ) => {
      const answer = await fetch(app.url + path, {
        method: body ? 'POST' : 'GET',
        headers: {
          ...(headers as Record<string, string>),
          ...(token && { authorization: `Bearer ${token}` }),
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      })
      return { status: answer.status, headers: answer.headers, body: (await answer.json()) as never }
    },
  }
}

test('users who log in here have tasks of their own', async () => {
  const { ask } = await start({ JWT_SECRET })
  const ann = { email: 'ann@example.org', password: 'correct horse' }
  expect(await ask('/api/auth/register', { body: ann })).toMatchObject({ status: 201 })
  const { body: grant } = await ask('/api/auth/login', { body: ann })
  const { access_token: token } = grant as { access_token: string }
  expect(await ask('/api/tasks', { token, body: { title: 'tea' } })).toMatchObject({ status: 201 })
  expect(await ask('/api/tasks', { token })).toMatchObject({ status: 200, body: { items: [{ title: 'tea' }] } })
  expect(await ask('/api/tasks', { token: `${token}x` })).toMatchObject({ status: 401 })
  expect(await ask('/api/tasks')).toMatchObject({ status: 401, body: { code: 'UNAUTHORIZED' } })
})

test('users of an issuer elsewhere are known by its keys, and cannot log in here', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const keys = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES256' }] }
  const issuer = createServer((_request, response) => response.end(JSON.stringify(keys))).listen(0, '127.0.0.1')
  onTestFinished(() => void issuer.close())
  await once(issuer, 'listening')
  const { ask } = await start({
    JWT_JWKS_URL: `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/`,
    JWT_ISSUER: 'https://issuer.example',
    JWT_AUDIENCE: 'app',
  })
  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const tokenFor = (aud: string) => {
    const claims = { iss: 'https://issuer.example', aud, sub: 'ann', exp: Math.floor(Date.now() / 1_000) + 60 }
    const text = `${encoded({ alg: 'ES256', kid: 'k' })}.${encoded(claims)}`
    return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }
  expect(await ask('/api/tasks', { token: tokenFor('app'), body: { title: 'tea' } })).toMatchObject({
    status: 201,
    body: { user_id: 'ann' },
  })
  expect(await ask('/api/tasks', { token: tokenFor('another app') })).toMatchObject({ status: 401 })
  expect(await ask('/api/auth/login', { body: {} })).toMatchObject({ status: 404 })
})

test('limits, proxies and origins are as the settings say', async () => {
  const environment = { JWT_SECRET, RATE_LIMIT: '2', AUTH_RATE_LIMIT: '1', TRUST_PROXY: '1' }
  const { ask } = await start({ ...environment, CORS_ORIGINS: 'https://app.example' })
  const from = (address: string) => ({ 'x-forwarded-for': address, origin: 'https://app.example' })
  const statuses = []
  for (const address of ['1.1.1.1', '1.1.1.1', '1.1.1.1', '2.2.2.2']) {
    const { status, headers } = await ask('/openapi.json', from(address))
    expect(headers.get('access-control-allow-origin')).toBe('https://app.example')
    statuses.push(status)
  }
  expect(statuses).toEqual([200, 200, 429, 200])
  const login = { ...from('3.3.3.3'), body: { email: 'ann@example.org', password: 'x' } }
  expect([(await ask('/api/auth/login', login)).status, (await ask('/api/auth/login', login)).status]).toEqual([
    401, 429,
  ])
})

/** How opening a live connection from a page of an origin ends: told, refused before, or closed with a code. */
async function opened(url: string, origin: string | undefined, token = ''): Promise<string | number> {
  const address = `${url.replace('http', 'ws')}/ws/tasks?token=${token}`
  const socket = new WebSocket(address, { headers: { ...(origin && { origin }) } })
  const end = await new Promise<string | number>((resolve) => {
    socket.onmessage = ({ data }) => resolve(JSON.parse(data).type)
    socket.onclose = ({ code }) => resolve(code === 1006 ? 'refused' : code)
  })
  socket.close()
  return end
}

test.each([
  ['those of the API, unless they are named', { CORS_ORIGINS: 'https://app.example' }, 'https://app.example'],
  [
    'those that are named',
    { CORS_ORIGINS: 'https://api.example', LIVE_ORIGINS: 'https://app.example' },
    'https://app.example',
  ],
])('pages that may open live connections are %s', async (_which, environment, origin) => {
  const { url, ask } = await start({ JWT_SECRET, ...environment })
  const ann = { email: 'ann@example.org', password: 'correct horse' }
  await ask('/api/auth/register', { body: ann })
  const { access_token: token } = (await ask('/api/auth/login', { body: ann })).body as { access_token: string }
  expect(await opened(url, origin, token)).toBe('connected')
  // The own pages, and programs, which have none.
  for (const own of [url, undefined]) expect(await opened(url, own, token)).toBe('connected')
  for (const other of ['https://other.example', 'https://api.example'])
    expect(await opened(url, other, token)).toBe('refused')
  expect(await opened(url, origin, `${token}x`)).toBe(4401)
  expect(await ask('/ws/stats')).toMatchObject({ status: 200, body: { channels: {} } })
})

test('HTTPS is served from the files of the settings', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-tls-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const { cert, key } = selfSigned('localhost')
  const files = { TLS_CERT_FILE: join(folder, 'tls.crt'), TLS_KEY_FILE: join(folder, 'tls.key') }
  await writeFile(files.TLS_CERT_FILE, cert)
  await writeFile(files.TLS_KEY_FILE, key)
  const { url } = await start({ JWT_SECRET, ...files })
  expect(url).toMatch(/^https:/)
  const asked = request(`${url}/health/ready`, { ca: cert, checkServerIdentity: () => undefined }).end()
  const [answer] = await once(asked, 'response')
  expect(answer.resume().statusCode).toBe(200)
})
