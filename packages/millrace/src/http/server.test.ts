import { describe, expect, test } from 'vitest'
import { defineRoutes } from './routes.ts'
import { healthy, serve } from './server.fixture.ts'

describe('paths', () => {
  test('answer with and without a slash at the end', async () => {
    const { server } = serve()
    for (const url of ['/things', '/things/']) {
      const answer = await server.inject({ method: 'POST', url, payload: { id: 1, name: 'a' } })
      expect(answer.statusCode).toBe(200)
      expect(answer.json()).toEqual({ id: 1, name: 'a' })
    }
    expect((await server.inject('/health/live/')).json()).toEqual({ alive: true })
  })

  test('the app’s own routes are at the root', async () => {
    const appRoutes = defineRoutes((route) => {
      route.get('/', async () => ({ Hello: 'Test' }))
    })
    expect((await serve({ appRoutes }).server.inject('/')).json()).toEqual({ Hello: 'Test' })
  })
})

describe('errors', () => {
  test('say each place of a request that does not fit', async () => {
    const { server } = serve()
    const answer = await server.inject({ method: 'POST', url: '/things', payload: { id: 'x', name: '' } })
    expect(answer.statusCode).toBe(422)
    expect(answer.headers['content-type']).toMatch('application/problem+json')
    expect(answer.json()).toMatchObject({
      type: 'urn:millrace:error:REQUEST_INVALID',
      title: 'Request invalid',
      status: 422,
      code: 'REQUEST_INVALID',
      instance: answer.headers['x-request-id'],
      errors: [{ path: 'body.id' }, { path: 'body.name' }],
    })
    const query = await server.inject('/things/1?limit=99')
    expect(query.json()).toMatchObject({ status: 422, errors: [{ path: 'query.limit' }] })
    expect((await server.inject({ method: 'POST', url: '/things' })).json()).toMatchObject({
      errors: [{ path: 'body' }],
    })
  })

  test.each([
    ['BODY_UNREADABLE', 400, { payload: '{"id": 1', headers: { 'content-type': 'application/json' } }],
    ['BODY_UNREADABLE', 400, { payload: '', headers: { 'content-type': 'application/json' } }],
    ['BODY_UNREADABLE', 400, { payload: '{"__proto__": {}}', headers: { 'content-type': 'application/json' } }],
    ['BODY_TOO_LARGE', 413, { payload: { id: 1, name: 'x'.repeat(2_000_000) } }],
    ['MEDIA_TYPE_UNSUPPORTED', 415, { payload: 'id=1', headers: { 'content-type': 'text/plain' } }],
    ['MEDIA_TYPE_UNSUPPORTED', 415, { payload: 'id=1', headers: { 'content-type': 'application/xml' } }],
  ])('name what is wrong with a body: %s', async (code, status, request) => {
    const answer = await serve().server.inject({ method: 'POST', url: '/things', ...request })
    expect(answer.json()).toMatchObject({ code, status })
    expect(answer.statusCode).toBe(status)
  })

  test('of paths: unknown ones and such as cannot be decoded', async () => {
    const { server } = serve()
    const unknown = await server.inject('/nowhere?password=x')
    expect(unknown.json()).toMatchObject({ status: 404, code: 'ROUTE_NOT_FOUND', detail: 'There is no GET /nowhere.' })
    const malformed = await server.inject('/things/%zz')
    expect(malformed.json()).toMatchObject({ status: 400, code: 'REQUEST_UNREADABLE' })
    expect(malformed.headers['x-request-id']).toBe(malformed.json().instance)
    expect((await server.inject(`/things/${'1'.repeat(500)}`)).json()).toMatchObject({ code: 'REQUEST_UNREADABLE' })
  })

  test.each(['/things/broken', '/things/wrong-answer'])(
    'of the server tell nothing, and are logged: %s',
    async (url) => {
      const { server, lines } = serve()
      const answer = await server.inject({ url, headers: { 'x-request-id': 'abc-1' } })
      expect(answer.json()).toMatchObject({ status: 500, code: 'INTERNAL', instance: 'abc-1' })
      expect(answer.body).not.toContain('secret')
      const logged = lines.map((line) => JSON.parse(line)).find(({ level }) => level === 'error')
      expect(logged).toMatchObject({ requestId: 'abc-1', err: { stack: expect.stringContaining('at ') } })
    },
  )

  test('of what is unavailable are 503, however wrapped, without addresses', async () => {
    const answer = await serve().server.inject('/things/away')
    expect(answer.json()).toMatchObject({
      status: 503,
      code: 'DATABASE_UNAVAILABLE',
      detail: 'The database cannot be reached.',
    })
    expect(answer.headers['retry-after']).toBe('1')
  })

  test('meant for the client keep their status', async () => {
    const answer = await serve().server.inject('/things/refused')
    expect(answer.json()).toMatchObject({ status: 429, code: 'REQUEST_REFUSED', detail: 'too many requests' })
  })
})

describe('request ids', () => {
  test('are taken over when sane, made otherwise', async () => {
    const { server } = serve()
    const idOf = async (given: string) =>
      (await server.inject({ url: '/health/live', headers: { 'x-request-id': given } })).headers['x-request-id']
    expect(await idOf('trace-7')).toBe('trace-7')
    expect(await idOf('a b"c')).toMatch(/^[0-9a-f-]{36}$/)
    expect(await idOf('x'.repeat(200))).toMatch(/^[0-9a-f-]{36}$/)
  })
})

describe('health', () => {
  test('is 503 when not ready, or when that cannot be told', async () => {
    const ready = async () => ({ ready: false, checks: { database: { ok: false, problem: 'away' } } })
    const notReady = await serve({ health: { ...healthy, ready } }).server.inject('/health/ready')
    expect(notReady.statusCode).toBe(503)
    expect(notReady.json()).toEqual(await ready())
    const unknown = serve({ health: { ...healthy, ready: () => Promise.reject(new Error('why')) } })
    expect((await unknown.server.inject('/health/ready')).json()).toMatchObject({
      checks: { process: { problem: 'why' } },
    })
  })

  test('names the partition that is stuck', async () => {
    const stuck = { topic: 't', partition: 2, ok: false, position: 5, end: 9, problem: 'not moved for 60 s' }
    const progress = async () => ({
      ok: false,
      consumers: [{ name: 'c', ok: false, paused: false, partitions: [stuck] }],
    })
    const answer = await serve({ health: { ...healthy, progress } }).server.inject('/health/progress')
    expect(answer.statusCode).toBe(503)
    expect(answer.json()).toEqual(await progress())
    expect(answer.headers['cache-control']).toBe('no-store')
  })
})

describe('documentation', () => {
  test('is OpenAPI 3.1 with the schemas, paths as written, and problems', async () => {
    const { server } = serve()
    const api = (await server.inject('/openapi.json')).json()
    expect(api.openapi).toBe('3.1.0')
    expect(api.info).toEqual({ title: 'Test', version: '1.0.0' })
    expect(Object.keys(api.paths)).toEqual(
      expect.arrayContaining(['/things/', '/things/{id}', '/health/ready', '/metrics']),
    )
    expect(Object.keys(api.paths)).not.toEqual(expect.arrayContaining(['/docs/json']))
    const { post } = api.paths['/things/']
    expect(post.tags).toEqual(['things'])
    expect(post.requestBody.content['application/json'].schema.properties.name).toEqual({
      type: 'string',
      minLength: 1,
    })
    expect(post.responses.default.content).toHaveProperty('application/problem+json')
    expect(api.components.schemas.Problem.properties).toHaveProperty('remedy')
  })

  test('is interactive at /docs, from files of its own', async () => {
    const { server } = serve()
    for (const url of ['/docs', '/docs/', '/docs/json', '/docs/static/swagger-ui-bundle.js']) {
      expect([url, (await server.inject(url)).statusCode]).toEqual([url, 200])
    }
    const page = await server.inject('/docs')
    for (const [, url] of page.body.matchAll(/(?:src|href)="([^"]+)"/g)) {
      expect(url).toMatch(/^\/docs\//)
      expect([url, (await server.inject(url ?? '')).statusCode]).toEqual([url, 200])
    }
    expect(page.headers['content-security-policy']).toContain("default-src 'self'")
  })
})

describe('metrics', () => {
  test('count requests by their route’s pattern', async () => {
    const { server } = serve()
    await server.inject('/things/1')
    await server.inject('/things/2')
    const answer = await server.inject('/metrics')
    expect(answer.headers['content-type']).toMatch('text/plain')
    expect(answer.body).toContain(
      'millrace_http_request_duration_seconds_count{method="GET",route="/things/:id",status="200"} 2',
    )
    expect(answer.body).toContain('process_cpu_seconds_total')
  })
})
