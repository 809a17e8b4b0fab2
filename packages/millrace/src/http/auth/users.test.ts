import { expect, test } from 'vitest'
import { fail } from '../../core/errors.ts'
import type { Authenticate } from '../../core/identity.ts'
import { defineModule } from '../../core/module.ts'
import { defineRoutes } from '../routes.ts'
import { serve } from '../server.fixture.ts'
import { forUsers } from './users.ts'

const authenticate: Authenticate = async (token) => {
  if (token === 'keys-away') throw fail('IDENTITY_UNAVAILABLE', { problem: 'https://issuer.example: ECONNREFUSED' })
  return token.startsWith('of-') ? { id: token.slice(3), expiresAt: undefined } : undefined
}

const notes = defineModule({
  name: 'notes',
  routes: defineRoutes((route) => {
    route.get('/open', async () => ({ open: true }))
    route.get('/mistaken', async ({ user }) => ({ user: user.id }))
    forUsers(route, (route) => {
      route.get('/mine', async ({ user }) => ({ user: user.id }))
    })
  }),
})

const get = (url: string, authorization?: string, options: Parameters<typeof serve>[0] = { authenticate }) =>
  serve({ modules: [notes], ...options }).server.inject({ url, headers: authorization ? { authorization } : {} })

test('a route for users gets who bears the token; nobody keeps the answer', async () => {
  for (const authorization of ['Bearer of-ann', 'bearer   of-ann ']) {
    const answer = await get('/notes/mine', authorization)
    expect([answer.statusCode, answer.json()]).toEqual([200, { user: 'ann' }])
    expect(answer.headers['cache-control']).toBe('no-store')
  }
})

test.each([
  [undefined, 'Bearer'],
  ['Basic of-ann', 'Bearer'],
  ['Bearer', 'Bearer'],
  ['Bearer forged', 'Bearer error="invalid_token"'],
])('it refuses %o', async (authorization, challenge) => {
  const answer = await get('/notes/mine', authorization)
  expect(answer.json()).toMatchObject({ status: 401, code: 'UNAUTHORIZED' })
  expect(answer.headers).toMatchObject({
    'content-type': expect.stringContaining('application/problem+json'),
    'www-authenticate': challenge,
  })
})

test('an app that recognises nobody refuses everybody', async () => {
  expect((await get('/notes/mine', 'Bearer of-ann', {})).statusCode).toBe(401)
})

test('that it cannot be told who it is, is no refusal, and names no address', async () => {
  const answer = await get('/notes/mine', 'Bearer keys-away')
  expect(answer.json()).toMatchObject({ status: 503, code: 'IDENTITY_UNAVAILABLE' })
  expect(answer.headers['retry-after']).toBe('1')
  expect(answer.body).not.toContain('issuer.example')
})

test('other routes ask for nobody, and cannot take anybody for a user', async () => {
  expect((await get('/notes/open')).statusCode).toBe(200)
  expect((await get('/notes/mistaken', 'Bearer of-ann')).json()).toMatchObject({ status: 500, code: 'INTERNAL' })
})

test('the documentation says which routes need a user', async () => {
  const { paths, components } = (await get('/openapi.json')).json()
  expect(paths['/notes/mine'].get.security).toEqual([{ userToken: [] }])
  expect(paths['/notes/open'].get.security).toBeUndefined()
  expect(components.securitySchemes.userToken).toMatchObject({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
})
