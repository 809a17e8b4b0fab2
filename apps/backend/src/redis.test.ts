import { once } from 'node:events'
import { freePort, startRedis } from '@millrace/tools/redis'
import { createTestDatabase } from 'millrace/testing'
import { expect, onTestFinished, test } from 'vitest'
import { addressOf, failureOf, run } from './process.fixture.ts'

const soon = { timeout: 10_000 }

/** Processes of the app on one database, as the environment has them, and all that they said. */
async function start(count: number, environment: Record<string, string>) {
  const database = await createTestDatabase()
  onTestFinished(() => database.drop())
  const said: string[] = []
  const children = Array.from({ length: count }, () => {
    const child = run({ DATABASE_URL: database.url, PORT: '0', ...environment })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(String(chunk)))
    return child
  })
  const urls = await Promise.all(children.map(addressOf))
  return { urls, children, said: () => said.join('') }
}

async function logIn(url: string, email: string): Promise<number> {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ email, password: 'not it' })
  return (await fetch(`${url}/api/auth/login`, { method: 'POST', headers, body })).status
}

/** What of Redis a process is ready without: `true` where it works. */
async function checksOf(url: string): Promise<{ readonly status: number; readonly ok: unknown[] }> {
  const answer = await fetch(`${url}/health/ready`)
  const { checks } = (await answer.json()) as { checks: Record<string, { ok: boolean } | undefined> }
  return { status: answer.status, ok: [checks['bus']?.ok, checks['counter']?.ok] }
}

test('two processes share a Redis; without it they go on, and it comes back by itself', {
  timeout: 60_000,
}, async () => {
  const redis = await startRedis({ login: { username: 'app', password: 'oolong' } })
  onTestFinished(() => redis.stop())
  const environment = { REDIS_URL: redis.url, LOGIN_RATE_LIMIT: '3', AUTH_RATE_LIMIT: '1000' }
  const { urls, children, said } = await start(2, environment)
  const [one = '', two = ''] = urls
  const inTurn = async (email: string, count: number) => {
    const statuses = []
    for (let nth = 0; nth < count; nth += 1) statuses.push(await logIn(nth % 2 === 0 ? one : two, email))
    return statuses
  }
  for (const url of urls) expect(await checksOf(url)).toEqual({ status: 200, ok: [true, true] })
  expect(await inTurn('ann@example.org', 5)).toEqual([401, 401, 401, 429, 429])

  await redis.kill()
  for (const url of urls) await expect.poll(() => checksOf(url), soon).toEqual({ status: 200, ok: [false, false] })
  expect(await inTurn('ben@example.org', 8)).toEqual([401, 401, 401, 401, 401, 401, 429, 429])

  await redis.start()
  for (const url of urls) await expect.poll(() => checksOf(url), soon).toEqual({ status: 200, ok: [true, true] })
  expect(await inTurn('cem@example.org', 5)).toEqual([401, 401, 401, 429, 429])
  const ended = children.map((child) => once(child, 'exit'))
  for (const child of children) child.kill('SIGTERM')
  expect(await Promise.all(ended)).toEqual([
    [0, null],
    [0, null],
  ])
  expect(said()).not.toContain('oolong')
})

test('a Redis that is not there when the process starts keeps nobody waiting, and is said to be away', async () => {
  const port = await freePort()
  const { urls, said } = await start(1, { REDIS_URL: `redis://app:oolong@127.0.0.1:${port}` })
  expect(await checksOf(urls[0] ?? '')).toEqual({ status: 200, ok: [false, false] })
  expect(said().match(/Redis is away/g)).toHaveLength(2)
  expect(said()).not.toContain('oolong')
})

test('a URL that is none ends the process, with one clear error and without its password', async () => {
  const failure = await failureOf(run({ REDIS_URL: 'redis:/app:oolong@host' }))
  expect(failure.status).toBe(1)
  expect(failure.text).toMatch(/- REDIS_URL is set, but its value is not a URL like redis:\/\/user:password@host:6379/)
  expect(failure.text).not.toContain('oolong')
})
