import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineModule } from '../core/module.ts'
import { forUsers } from './auth/users.ts'
import { limitRequests } from './rate-limit.ts'
import { defineRoutes, type RouteServer } from './routes.ts'
import { serve } from './server.fixture.ts'

const notes = defineModule({
  name: 'notes',
  routes: defineRoutes((route) => {
    route.register(async (route: RouteServer) => {
      limitRequests(route, { max: 2 })
      route.post('/login', async () => ({}))
      route.post('/register', async () => ({}))
    })
    forUsers(route, (route) => {
      route.get('/mine', async ({ user }) => ({ user: user.id }))
    })
  }),
})

function start(options: Parameters<typeof serve>[0] = {}) {
  const authenticate = async (token: string) => (token === 'forged' ? undefined : { id: token, expiresAt: undefined })
  const { server } = serve({ modules: [notes], authenticate, ...options })
  const get = (url: string, { from = '10.0.0.1', token, forwarded }: Asking = {}) =>
    server.inject({
      url,
      remoteAddress: from,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(forwarded && { 'x-forwarded-for': forwarded }),
      },
    })
  const statuses = async (...asked: Parameters<typeof get>[]) => {
    const answers = []
    for (const each of asked) answers.push((await get(...each)).statusCode)
    return answers
  }
  return { server, get, statuses }
}

interface Asking {
  readonly from?: string
  readonly token?: string
  readonly forwarded?: string
}

describe('the limit of the server', () => {
  test('is for each address, what finds nothing included; health and metrics are free', async () => {
    const { get, statuses } = start({ rateLimit: { max: 2 } })
    expect(await statuses(['/openapi.json'], ['/nowhere'], ['/openapi.json'], ['/nowhere'])).toEqual([
      200, 404, 429, 429,
    ])
    expect(await statuses(['/openapi.json', { from: '10.0.0.2' }], ['/health/live'], ['/metrics'])).toEqual([
      200, 200, 200,
    ])
    const refused = await get('/openapi.json')
    expect(refused.json()).toMatchObject({ status: 429, code: 'TOO_MANY_REQUESTS' })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60)
  })

  test('is for each user where there is one, wherever he asks from', async () => {
    const { statuses } = start({ rateLimit: { max: 2 } })
    const as = (token: string, from: string): [string, Asking] => ['/notes/mine', { token, from }]
    expect(await statuses(as('ann', '10.0.0.1'), as('ann', '10.0.0.2'), as('ann', '10.0.0.3'))).toEqual([200, 200, 429])
    expect(await statuses(as('bob', '10.0.0.1'), as('cem', '10.0.0.1'), as('dan', '10.0.0.1'))).toEqual([200, 200, 200])
  })

  test('counts tokens that are not valid by their address', async () => {
    const { statuses } = start({ rateLimit: { max: 2 } })
    const forged: [string, Asking] = ['/notes/mine', { token: 'forged' }]
    expect(await statuses(forged, forged, forged)).toEqual([401, 401, 429])
  })

  test('counts an IPv6 network of /64 as one address', async () => {
    const { statuses } = start({ rateLimit: { max: 1 } })
    const url = '/openapi.json'
    expect(await statuses([url, { from: '2001:db8::1' }], [url, { from: '2001:db8::2' }])).toEqual([200, 429])
    expect(await statuses([url, { from: '2001:db8:0:1::1' }])).toEqual([200])
  })

  test('is over after its window', async () => {
    const { get } = start({ rateLimit: { max: 1, window: 200 } })
    const status = async () => (await get('/openapi.json')).statusCode
    for (const awaited of [429, 200]) await expect.poll(status, { timeout: 5_000, interval: 10 }).toBe(awaited)
  })
})

test('the limit of a scope is for its routes together, besides the server’s', async () => {
  const { server } = start()
  const post = async (url: string) => (await server.inject({ method: 'POST', url })).statusCode
  expect([await post('/notes/login'), await post('/notes/register'), await post('/notes/login')]).toEqual([
    200, 200, 429,
  ])
})

test('a limit by what is in the body is for that, whoever asks', async () => {
  const by = ({ body }: { readonly body: unknown }) => (body as { name?: string }).name
  const named = defineModule({
    name: 'named',
    routes: defineRoutes((route) => {
      limitRequests(route, { max: 1, by })
      route.post('/', { schema: { body: z.object({ name: z.string().optional() }) } }, async () => ({}))
    }),
  })
  const { server } = start({ modules: [named] })
  const post = async (payload: object, remoteAddress: string) =>
    (await server.inject({ method: 'POST', url: '/named', payload, remoteAddress })).statusCode
  expect([await post({ name: 'ann' }, '10.0.0.1'), await post({ name: 'ann' }, '10.0.0.2')]).toEqual([200, 429])
  expect([await post({ name: 'ben' }, '10.0.0.1'), await post({}, '10.0.0.1'), await post({}, '10.0.0.1')]).toEqual([
    200, 200, 200,
  ])
})

test('two limits of one name are refused at once', async () => {
  const twice = defineModule({
    name: 'twice',
    routes: defineRoutes((route) => {
      limitRequests(route, { max: 1 })
      limitRequests(route, { max: 2 })
    }),
  })
  await expect(start({ modules: [twice] }).get('/twice')).rejects.toMatchObject({ code: 'DEFINITION_INVALID' })
})

describe('addresses', () => {
  const ask = async (trustProxy: number | readonly string[] | undefined, from: string, forwarded: string[]) => {
    const { statuses } = start({ rateLimit: { max: 1 }, ...(trustProxy !== undefined && { trustProxy }) })
    return statuses(...forwarded.map((each): [string, Asking] => ['/openapi.json', { from, forwarded: each }]))
  }

  test('that a header claims are not believed unless a proxy is trusted', async () => {
    expect(await ask(undefined, '10.0.0.9', ['1.1.1.1', '2.2.2.2'])).toEqual([200, 429])
    expect(await ask(0, '10.0.0.9', ['1.1.1.1', '2.2.2.2'])).toEqual([200, 429])
    expect(await ask(['10.1.0.0/16'], '10.0.0.9', ['1.1.1.1', '2.2.2.2'])).toEqual([200, 429])
  })

  test('are those that trusted proxies tell of, whatever else the client wrote', async () => {
    expect(await ask(1, '10.0.0.9', ['1.1.1.1', '2.2.2.2'])).toEqual([200, 200])
    expect(await ask(1, '10.0.0.9', ['6.6.6.6, 1.1.1.1', '7.7.7.7, 1.1.1.1'])).toEqual([200, 429])
    expect(await ask(['10.0.0.0/8'], '10.0.0.9', ['6.6.6.6, 1.1.1.1', '7.7.7.7, 1.1.1.1'])).toEqual([200, 429])
    expect(await ask(2, '10.0.0.9', ['6.6.6.6, 1.1.1.1, 10.0.0.8', '7.7.7.7, 2.2.2.2, 10.0.0.8'])).toEqual([200, 200])
  })

  test('of proxies that are none are refused at once, and named', () => {
    for (const wrong of ['999.1.1.1', '10.0.0.0/33', '::1/129', 'proxy.example', '']) {
      expect(() => start({ trustProxy: ['10.0.0.0/8', wrong] })).toThrow(
        expect.objectContaining({ code: 'DEFINITION_INVALID', message: expect.stringContaining(`"${wrong}"`) }),
      )
    }
  })
})
