import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createJwtTokens } from '../adapters/jwt/index.ts'
import { tokenOf } from './token.ts'

const jwt = (claims: unknown) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`

test('a token of the app says whose it is, and how long it is good for', async () => {
  const tokens = createJwtTokens({ secret: 'x'.repeat(32), issuer: 'a', audience: 'b', lifetime: '15m' })
  const { token } = await tokens.issue('ännä 𝛼/?')
  const { user, leftMs } = tokenOf(token, Date.now())
  expect(user).toBe('ännä 𝛼/?')
  expect(leftMs).toBeGreaterThan(898_000)
  expect(leftMs).toBeLessThanOrEqual(900_000)
})

test('whatever the claims are, they are read', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 10_000_000_000 }), (sub, exp) => {
      expect(tokenOf(jwt({ sub, exp }), 0)).toMatchObject({ user: sub, leftMs: exp * 1_000 })
    }),
  )
})

test.each([
  ...['opaque', 'anna/123', 'a.b.c', 'a..c', '', 'ü.ü.ü'],
  ...[jwt({}), jwt(null), jwt([]), jwt('text'), jwt({ sub: 1, exp: 'soon' }), jwt({ exp: -1 }), jwt({ exp: null })],
])('%s says neither', (text) => {
  expect(tokenOf(text, 1_000)).toEqual({ text, user: undefined, leftMs: undefined })
})
