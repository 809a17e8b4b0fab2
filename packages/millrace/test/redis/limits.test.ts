import { startRedis } from '@millrace/tools/redis'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { defineModule, defineRoutes, limitRequests, type RouteServer } from '../../src/index.ts'
import { type TestApp, testApp } from '../../src/testing/index.ts'
import { until } from '../faults/until.ts'
import { scrape } from '../scrape.fixture.ts'

const limited = defineModule({
  name: 'limited',
  routes: defineRoutes((route) => {
    route.register(async (route: RouteServer) => {
      limitRequests(route, { max: 3 })
      route.post('/by-address', async () => ({}))
    })
    route.register(async (route: RouteServer) => {
      const by = ({ body }: { readonly body: unknown }) => (body as { name: string }).name
      limitRequests(route, { name: 'names', max: 3, by })
      route.post('/by-name', { schema: { body: z.object({ name: z.string() }) } }, async () => ({}))
    })
  }),
})

/** Two apps with a Redis; all ends with the test. */
async function start() {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const options = {
    modules: [limited],
    redisUrl: redis.url,
    http: { host: '127.0.0.1', port: 0, rateLimit: { max: 5 } },
  }
  const one = await testApp(options)
  onTestFinished(() => one.stop())
  const two = await testApp({ ...options, databaseUrl: one.databaseUrl })
  onTestFinished(() => two.stop())
  return { redis, one, two, both: [one, two] as const }
}

async function ask(app: TestApp, url: string, from: string, payload: object = {}): Promise<number> {
  return (await app.http.request({ method: 'POST', url: `/limited/${url}`, remoteAddress: from, payload })).statusCode
}

/** What requests to one app after the other are answered. */
async function inTurn(apps: readonly TestApp[], count: number, ...asked: [string, string, object?]): Promise<number[]> {
  const statuses: number[] = []
  for (let nth = 0; nth < count; nth += 1) statuses.push(await ask(apps[nth % apps.length] as TestApp, ...asked))
  return statuses
}

const checkOf = async (app: TestApp, check: string) => {
  const answer = await app.http.get('/health/ready')
  return { status: answer.statusCode, ok: answer.json().checks[check]?.ok as boolean | undefined }
}

test('with a Redis, the limits are those of all processes together', async () => {
  const { one, both } = await start()
  expect(await inTurn(both, 5, 'by-address', '10.0.0.1')).toEqual([200, 200, 200, 429, 429])
  expect(await inTurn(both, 5, 'by-address', '10.0.0.2')).toEqual([200, 200, 200, 429, 429])
  // Wherever they come from.
  const names = (n: number) => inTurn(both, 1, 'by-name', `10.0.1.${n}`, { name: 'ann' })
  expect((await Promise.all([1, 2, 3, 4, 5].map(names))).flat().sort()).toEqual([200, 200, 200, 429, 429])
  expect(await inTurn(both, 1, 'by-name', '10.0.2.1', { name: 'ben' })).toEqual([200])
  // That of the whole server, for all routes.
  expect(await inTurn(both, 6, 'nowhere', '10.0.0.3')).toEqual([404, 404, 404, 404, 404, 429])
  expect(await checkOf(one, 'counter')).toEqual({ status: 200, ok: true })
})

test('a body that does not fit is not counted for what it says', async () => {
  const { both } = await start()
  expect(await inTurn(both, 4, 'by-name', '10.0.0.1', { name: 1 })).toEqual([422, 422, 422, 422])
})

test('Redis gone: each process limits by itself, by what it has counted; Redis back: together again', async () => {
  const { redis, one, two, both } = await start()
  expect(await inTurn(both, 2, 'by-address', '10.0.0.1')).toEqual([200, 200])
  await redis.kill()
  await until('it is noticed', async () => (await checkOf(one, 'counter')).ok === false)
  await until('by both', async () => (await checkOf(two, 'counter')).ok === false)
  expect(await checkOf(one, 'counter')).toEqual({ status: 200, ok: false })

  const began = performance.now()
  expect(await inTurn([one], 3, 'by-address', '10.0.0.1')).toEqual([200, 200, 429])
  expect(await inTurn([two], 3, 'by-address', '10.0.0.1')).toEqual([200, 200, 429])
  expect(await inTurn([two], 4, 'by-address', '10.0.0.2')).toEqual([200, 200, 200, 429])
  expect(performance.now() - began).toBeLessThan(1_000)
  expect((await scrape(one)).value('millrace_requests_counted_alone_total')).toBeGreaterThan(0)
  expect((await scrape(one)).value('millrace_counter_working')).toBe(0)

  await redis.start()
  await until('both are back', async () => {
    return (await checkOf(one, 'counter')).ok === true && (await checkOf(two, 'counter')).ok === true
  })
  expect(await inTurn(both, 5, 'by-address', '10.0.0.3')).toEqual([200, 200, 200, 429, 429])
  expect((await scrape(one)).value('millrace_counter_working')).toBe(1)
})

test('a Redis that stands still holds requests up for a moment, and no longer', async () => {
  const { redis, one } = await start()
  expect(await inTurn([one], 1, 'by-address', '10.0.0.1')).toEqual([200])
  redis.pause()
  const began = performance.now()
  expect(await inTurn([one], 4, 'by-address', '10.0.0.1')).toEqual([200, 200, 429, 429])
  expect(performance.now() - began).toBeLessThan(1_000)
  redis.resume()
})
