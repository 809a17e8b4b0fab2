import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { expect, onTestFinished, test } from 'vitest'
import { silentLogger } from '../../core/logger.ts'
import { createJwksAuthenticate, type JwksOptions } from './jwks.ts'

const named = { issuer: 'https://issuer.example', audience: 'app-api' }

/** An issuer with an HTTP server of its own. */
async function startIssuer() {
  let keys: JWK[] = []
  let answer = () => ({ status: 200, body: JSON.stringify({ keys }) })
  let asked = 0
  const server = createServer((_request, response) => {
    asked += 1
    const { status, body } = answer()
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const addKey = async (kid: string, alg = 'ES256') => {
    const { publicKey, privateKey } = await generateKeyPair(alg)
    keys.push({ ...(await exportJWK(publicKey)), kid, alg })
    return (changes: Record<string, unknown> = {}, header: Record<string, string> = {}) =>
      new SignJWT({ iss: named.issuer, aud: named.audience, sub: 'ann', exp: Date.now() / 1_000 + 60, ...changes })
        .setProtectedHeader({ alg, kid, ...header })
        .sign(privateKey)
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    addKey,
    removeKey: (kid: string) => {
      keys = keys.filter((key) => key.kid !== kid)
    },
    answerWith: (other: typeof answer) => {
      answer = other
    },
    goesWell: () => {
      answer = () => ({ status: 200, body: JSON.stringify({ keys }) })
    },
    get asked() {
      return asked
    },
  }
}

const authenticator = (url: string, options: Partial<JwksOptions> = {}) =>
  createJwksAuthenticate({ url, ...named, logger: silentLogger, cooldownMs: 0, ...options })

test('tokens of the issuer are recognised; the keys are fetched once', async () => {
  const issuer = await startIssuer()
  const [sign, signByRsa] = [await issuer.addKey('a'), await issuer.addKey('b', 'RS256')]
  const authenticate = authenticator(issuer.url)
  for (const token of [await sign(), await signByRsa(), await sign({ aud: ['other', 'app-api'] })]) {
    expect(await authenticate(token)).toMatchObject({ id: 'ann', expiresAt: expect.any(Date) })
  }
  expect(issuer.asked).toBe(1)
})

test('tokens of others, for others, or by other algorithms are nobody’s', async () => {
  const issuer = await startIssuer()
  const sign = await issuer.addKey('a')
  const signBy384 = await issuer.addKey('c', 'ES384')
  const stranger = await (await startIssuer()).addKey('a')
  const authenticate = authenticator(issuer.url)
  expect(await authenticate(await sign())).toMatchObject({ id: 'ann' })
  // The public key taken for a secret: the known attack where algorithms are not pinned.
  const secret = new TextEncoder().encode(JSON.stringify(await (await fetch(issuer.url)).json()))
  const hmac = new SignJWT({ iss: named.issuer, aud: named.audience, sub: 'ann', exp: Date.now() / 1_000 + 60 })
  const wrong = [
    await stranger(),
    await sign({ iss: 'https://other.example' }),
    await sign({ aud: 'other' }),
    await sign({ exp: Date.now() / 1_000 - 60 }),
    await signBy384(),
    await hmac.setProtectedHeader({ alg: 'HS256', kid: 'a' }).sign(secret),
    await sign({}, { kid: 'unknown' }),
  ]
  for (const token of wrong) expect(await authenticate(token)).toBeUndefined()
})

test('a new key is fetched when a token names it; a withdrawn one goes when the keys have got old', async () => {
  const issuer = await startIssuer()
  const signOld = await issuer.addKey('old')
  const authenticate = authenticator(issuer.url, { refreshAfterMs: 0 })
  expect(await authenticate(await signOld())).toMatchObject({ id: 'ann' })
  const signNew = await issuer.addKey('new')
  expect(await authenticate(await signNew())).toMatchObject({ id: 'ann' })
  issuer.removeKey('old')
  const token = await signOld()
  await expect.poll(() => authenticate(token), { timeout: 5_000 }).toBeUndefined()
  expect(await authenticate(await signNew())).toMatchObject({ id: 'ann' })
})

test('made-up keys are not asked for again and again', async () => {
  const issuer = await startIssuer()
  const sign = await issuer.addKey('a')
  const authenticate = authenticator(issuer.url, { cooldownMs: 60_000 })
  await authenticate(await sign())
  for (const kid of ['b', 'c', 'd']) expect(await authenticate(await sign({}, { kid }))).toBeUndefined()
  expect(issuer.asked).toBe(1)
})

test.each([
  ['answers 500', () => ({ status: 500, body: '' })],
  ['answers with no JSON', () => ({ status: 200, body: '<html>' })],
  ['answers with no key set', () => ({ status: 200, body: '{"keys": 1}' })],
  ['answers with too much', () => ({ status: 200, body: JSON.stringify({ keys: [], pad: 'x'.repeat(300_000) }) })],
])('while the issuer %s, known keys go on, and of others it cannot be told', async (_what, failing) => {
  const issuer = await startIssuer()
  const sign = await issuer.addKey('a')
  const warnings: string[] = []
  const logger = { ...silentLogger, warn: (_details: object, text: string) => void warnings.push(text) }
  const authenticate = authenticator(issuer.url, { refreshAfterMs: 0, logger })
  expect(await authenticate(await sign())).toMatchObject({ id: 'ann' })
  issuer.answerWith(failing)
  for (let time = 0; time < 3; time += 1) expect(await authenticate(await sign())).toMatchObject({ id: 'ann' })
  const unknown = await sign({}, { kid: 'b' })
  await expect(authenticate(unknown)).rejects.toMatchObject({ code: 'IDENTITY_UNAVAILABLE' })
  await expect.poll(() => warnings[0], { timeout: 5_000 }).toContain('those that are known go on')
  issuer.goesWell()
  expect(await authenticate(unknown)).toBeUndefined()
})

test('an issuer that was never there is asked once for a time, and nobody is let in', async () => {
  const issuer = await startIssuer()
  const sign = await issuer.addKey('a')
  issuer.answerWith(() => ({ status: 503, body: '' }))
  const authenticate = authenticator(issuer.url, { cooldownMs: 60_000 })
  for (let time = 0; time < 3; time += 1) {
    await expect(authenticate(await sign())).rejects.toMatchObject({ code: 'IDENTITY_UNAVAILABLE' })
  }
  expect(issuer.asked).toBe(1)
})

test('an issuer that does not answer is not waited for', async () => {
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => server.closeAllConnections())
  const sign = await (await startIssuer()).addKey('a')
  const authenticate = authenticator(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { timeoutMs: 50 })
  await expect(authenticate(await sign())).rejects.toMatchObject({ code: 'IDENTITY_UNAVAILABLE' })
  server.close()
})
