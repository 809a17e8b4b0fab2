import { type RedisServer, startRedis } from '@millrace/tools/redis'
import { createClient } from 'redis'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../../../test/faults/until.ts'
import type { SharedCounter } from '../../ports/counter.ts'
import { createRedisCounter, type RedisOptions } from './index.ts'

async function start(): Promise<RedisServer> {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  return redis
}

async function counterOn({ url }: RedisServer, options: Partial<RedisOptions> = {}): Promise<SharedCounter> {
  const counter = createRedisCounter({ url, ...options })
  onTestFinished(async () => counter.stop?.())
  await counter.start?.()
  return counter
}

test('processes count together, each key for itself, and begin anew after its window', async () => {
  const redis = await start()
  const [one, two] = [await counterOn(redis), await counterOn(redis)]
  const windowMs = 300

  const began = performance.now()
  const counts = await Promise.all(
    Array.from({ length: 100 }, (_, nth) => (nth % 2 === 0 ? one : two).add('a key', 60_000)),
  )
  expect(counts.map((each) => each?.count).sort((a = 0, b = 0) => a - b)).toEqual(counts.map((_, nth) => nth + 1))
  for (const each of counts) expect(each?.leftMs).toBeGreaterThan(60_000 - (performance.now() - began) - 1)

  expect(await one.add('another', windowMs)).toEqual({ count: 1, leftMs: windowMs })
  const then = await two.add('another', windowMs)
  expect(then?.count).toBe(2)
  expect(then?.leftMs).toBeLessThanOrEqual(windowMs)
  await until('the window is over', async () => (await one.add('another', windowMs))?.count === 1)
})

test('what is counted cannot be read in Redis, goes with its window, and is each installation’s own', async () => {
  const redis = await start()
  const [one, other] = [await counterOn(redis), await counterOn(redis, { prefix: 'other' })]
  await one.add('login ann@example.org', 60_000)
  expect(await other.add('login ann@example.org', 60_000)).toMatchObject({ count: 1 })

  const client = await createClient({ url: redis.url }).connect()
  onTestFinished(() => client.destroy())
  const keys = await client.keys('*')
  expect(keys.map((key) => key.replace(/:[^:]{43}$/, ':…')).sort()).toEqual(['millrace:count:…', 'other:count:…'])
  for (const key of keys) expect(await client.pTTL(key)).toBeGreaterThan(0)
  // As if the server had been stopped between the two steps.
  for (const key of keys) await client.persist(key)
  expect(await one.add('login ann@example.org', 60_000)).toEqual({ count: 2, leftMs: 60_000 })
})

test('without an answer soon, nobody waits; then nobody asks for a while, and it comes back by itself', async () => {
  const redis = await start()
  const counter = await counterOn(redis)
  await counter.add('a key', 60_000)
  redis.pause()

  const began = performance.now()
  expect(await Promise.all(Array.from({ length: 50 }, () => counter.add('a key', 60_000)))).toEqual(
    Array(50).fill(undefined),
  )
  const waitedMs = performance.now() - began
  expect(waitedMs).toBeGreaterThan(200)
  expect(waitedMs).toBeLessThan(1_000)
  expect(counter.state.problem).toBe('no answer within 250 ms')
  const restingSince = performance.now()
  for (let times = 0; times < 100; times += 1) expect(await counter.add('a key', 60_000)).toBeUndefined()
  expect(performance.now() - restingSince).toBeLessThan(200)

  redis.resume()
  await until('it counts again', async () => (await counter.add('a key', 60_000)) !== undefined)
  expect(counter.state.problem).toBeUndefined()
})

test('without a server there is no answer, at once; when it is back, it counts', async () => {
  const redis = await start()
  const counter = await counterOn(redis)
  await redis.kill()
  await until('it is noticed', () => counter.state.problem !== undefined)

  const began = performance.now()
  for (let times = 0; times < 100; times += 1) expect(await counter.add('a key', 60_000)).toBeUndefined()
  expect(performance.now() - began).toBeLessThan(200)

  await redis.start()
  await until('it counts', async () => (await counter.add('a key', 60_000)) !== undefined)
})

test('a server that refuses to count is said to, and asked again', async () => {
  const redis = await start()
  const lines: string[] = []
  const say = (_: object, text: string) => void lines.push(text)
  const logger = { debug: say, info: say, warn: say, error: say, child: () => logger }
  const counter = await counterOn(redis, { logger })
  const client = await createClient({ url: redis.url }).connect()
  onTestFinished(() => client.destroy())
  await client.sendCommand(['ACL', 'SETUSER', 'default', '-eval'])

  expect(await counter.add('a key', 60_000)).toBeUndefined()
  expect(await counter.add('a key', 60_000)).toBeUndefined()
  expect(counter.state.problem).toMatch(/^NOPERM/)
  expect(lines).toEqual(['Redis does not count: each process counts requests for itself'])

  await client.sendCommand(['ACL', 'SETUSER', 'default', '+eval'])
  await until('it counts', async () => (await counter.add('a key', 60_000)) !== undefined)
})
