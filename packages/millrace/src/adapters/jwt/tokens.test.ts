import { generateKeyPairSync } from 'node:crypto'
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { expect, test } from 'vitest'
import { createJwtTokens } from './tokens.ts'

const secret = 'a secret of thirty-two bytes or more'
const named = { issuer: 'app', audience: 'app-api' }
let now = new Date('2026-03-01T12:00:00Z')
const tokens = createJwtTokens({ secret, ...named, lifetime: '15m', clock: { now: () => now } })

const claims = (changes: Record<string, unknown> = {}): JWTPayload => {
  const seconds = now.getTime() / 1_000
  return { iss: 'app', aud: 'app-api', sub: 'ann', iat: seconds, exp: seconds + 60, ...changes }
}

const sign = (
  payload: JWTPayload,
  header: { alg: string; typ?: string } = { alg: 'HS256', typ: 'at+jwt' },
  by = secret,
) => new SignJWT(payload).setProtectedHeader(header).sign(new TextEncoder().encode(by))

test('a token is recognised as the user’s it was made for, until it expires', async () => {
  const { token, expiresIn } = await tokens.issue('ann')
  expect(expiresIn).toBe(900)
  const expiresAt = new Date(now.getTime() + 900_000)
  expect(await tokens.authenticate(token)).toEqual({ id: 'ann', expiresAt })
  const start = now
  now = new Date(expiresAt.getTime() + 4_000)
  expect(await tokens.authenticate(token)).toMatchObject({ id: 'ann' })
  now = new Date(expiresAt.getTime() + 6_000)
  expect(await tokens.authenticate(token)).toBeUndefined()
  now = start
})

test('what the other tests refuse is refused for its one fault alone', async () => {
  expect(await tokens.authenticate(await sign(claims()))).toMatchObject({ id: 'ann' })
})

test.each<[string, () => Promise<string> | string]>([
  ['another secret', () => sign(claims(), undefined, 'another secret of thirty-two bytes!!')],
  ['no signature, algorithm none', () => new UnsecuredJWT(claims()).encode()],
  ['a signature cut off', async () => (await sign(claims())).replace(/\.[^.]*$/, '.')],
  [
    'claims that were changed',
    async () => {
      const [header, , signature] = (await sign(claims())).split('.')
      return [header, Buffer.from(JSON.stringify(claims({ sub: 'eve' }))).toString('base64url'), signature].join('.')
    },
  ],
  ['another algorithm of the same family', () => sign(claims(), { alg: 'HS512', typ: 'at+jwt' })],
  [
    'an asymmetric algorithm',
    () =>
      new SignJWT(claims())
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' })
        .sign(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
  ],
  ['another type of token', () => sign(claims(), { alg: 'HS256', typ: 'JWT' })],
  ['no type', () => sign(claims(), { alg: 'HS256' })],
  ['another issuer', () => sign(claims({ iss: 'other' }))],
  ['no issuer', () => sign(claims({ iss: undefined }))],
  ['another audience', () => sign(claims({ aud: ['a', 'b'] }))],
  ['no end', () => sign(claims({ exp: undefined }))],
  ['an end in the past', () => sign(claims({ exp: now.getTime() / 1_000 - 10 }))],
  ['a beginning in the future', () => sign(claims({ nbf: now.getTime() / 1_000 + 60 }))],
  ['no user', () => sign(claims({ sub: undefined }))],
  ['an empty user', () => sign(claims({ sub: '' }))],
  ['a user that no row can hold', () => sign(claims({ sub: 'a\0b' }))],
  ['too long a user', () => sign(claims({ sub: 'a'.repeat(201) }))],
  ['10 kB', () => sign(claims({ note: 'x'.repeat(10_000) }))],
  ['nothing', () => ''],
  ['nonsense', () => 'a.b.c'],
])('a token with %s is nobody’s', async (_what, make) => {
  expect(await tokens.authenticate(await make())).toBeUndefined()
})

test('a secret that is too short is refused, and not shown', () => {
  expect(() => createJwtTokens({ secret: 'x'.repeat(31), ...named, lifetime: '1m' })).toThrow(
    expect.objectContaining({ code: 'SECRET_TOO_SHORT', message: expect.not.stringContaining('xxx') }),
  )
})
