import { describe, expect, test } from 'vitest'
import type { HttpServerOptions } from '../options.ts'
import { serve } from '../server.fixture.ts'

const adminToken = 'a-token-of-operators'
const admin = { deadLetters: async () => ({ items: [], next: null }) } as unknown as HttpServerOptions['admin']
const routes = [
  ['GET', '/admin/dead-letters'],
  ['GET', '/admin/dead-letters/1'],
  ['POST', '/admin/dead-letters/redrive'],
  ['POST', '/admin/dead-letters/discard'],
  ['GET', '/admin/consumers'],
  ['POST', '/admin/consumers/todos/pause'],
  ['POST', '/admin/consumers/todos/resume'],
  ['POST', '/admin/consumers/todos/seek'],
  ['POST', '/admin/consumers/todos/replays'],
  ['GET', '/admin/replays'],
  ['GET', '/admin/replays/1'],
  ['POST', '/admin/replays/1/cancel'],
] as const

describe('operators’ routes', () => {
  test.each(routes)('%s %s is in the documentation, and refused without the token', async (method, url) => {
    const { server } = serve({ admin, adminToken })
    const documented = url.replace(/(?<=\/)1\b/, '{id}').replace('todos', '{name}')
    const { paths } = (await server.inject('/openapi.json')).json()
    expect(paths[documented][method.toLowerCase()]).toMatchObject({ tags: ['admin'], security: [{ adminToken: [] }] })

    const wrong = [undefined, '', 'Bearer', 'Bearer ', 'Bearer nearly', `Basic ${adminToken}`, `Bearer ${adminToken}x`]
    for (const authorization of wrong) {
      const answer = await server.inject({ method, url, headers: authorization === undefined ? {} : { authorization } })
      expect([authorization, answer.statusCode]).toEqual([authorization, 401])
      expect(answer.json()).toMatchObject({ code: 'ADMIN_UNAUTHORIZED', status: 401 })
      expect(answer.headers).toMatchObject({
        'content-type': expect.stringContaining('application/problem+json'),
        'www-authenticate': 'Bearer',
      })
    }
  })

  test('are served to who bears it', async () => {
    const { server } = serve({ admin, adminToken })
    for (const authorization of [`Bearer ${adminToken}`, `bearer  ${adminToken}`]) {
      const answer = await server.inject({ url: '/admin/dead-letters', headers: { authorization } })
      expect([answer.statusCode, answer.json()]).toEqual([200, { items: [], next: null }])
      expect(answer.headers['cache-control']).toBe('no-store')
    }
  })

  test.each([undefined, ''])('are refused to everybody where the token is %o', async (none) => {
    const { server } = serve({ admin, ...(none !== undefined && { adminToken: none }) })
    for (const authorization of ['Bearer ', 'Bearer undefined', 'Bearer x']) {
      expect((await server.inject({ url: '/admin/consumers', headers: { authorization } })).statusCode).toBe(401)
    }
  })
})
