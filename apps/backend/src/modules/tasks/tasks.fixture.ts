import { createJwtTokens } from 'millrace/jwt'
import { type TestApp, type TestAppOptions, testApp } from 'millrace/testing'
import { expect } from 'vitest'
import { bind } from '../../database.ts'
import { Listener, type ListenOptions } from '../../listener.fixture.ts'
import type { Grant } from './auth/credentials.ts'
import type { LoginOptions } from './auth/http.ts'
import { tasks } from './module.ts'

/** What operators of these tests bear. */
export const adminToken = 'a-token-of-operators'

const tokens = createJwtTokens({
  ...{ secret: 'a secret of thirty-two bytes or more', issuer: 'test', audience: 'test', lifetime: '15m' },
})

/** Who bears a token of these tests. */
export const { authenticate } = tokens

interface StartOptions extends Pick<TestAppOptions, 'roles' | 'databaseUrl' | 'topicPartitions'> {
  readonly login?: Partial<LoginOptions>
}

/** An app with tasks, whose users log in there. */
export function startTasks({ login, ...options }: StartOptions = {}): Promise<TestApp> {
  return testApp({
    modules: [tasks({ dueSoonBefore: '24h', login: { issueToken: tokens.issue, refreshLifetime: '30d', ...login } })],
    bind,
    http: { host: '127.0.0.1', port: 0, authenticate, adminToken },
    ...options,
  })
}

/** Sends requests as one user, without a login. */
export async function as(t: TestApp, userId: string) {
  const { token } = await tokens.issue(userId)
  return async (method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, payload?: object) => {
    const headers = { authorization: `Bearer ${token}` }
    const answer = await t.http.request({ method, url, headers, ...(payload && { payload }) })
    return { status: answer.statusCode, body: answer.body === '' ? undefined : answer.json() }
  }
}

/** A browser of a user, connected. */
export async function listen(t: TestApp, userId: string, options: Partial<ListenOptions> = {}): Promise<Listener> {
  const { token } = await tokens.issue(userId)
  return Listener.open(t, { channel: 'tasks', token, ...options })
}

/** Appends a record as another program does. */
export function produce(
  t: TestApp,
  body: object,
  id = 'foreign',
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const [key, value] = [Buffer.from(id), Buffer.from(JSON.stringify(body))]
  const named = Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)] as const)
  return t.produce({ topic: 'task-events', key, value, headers: named })
}

/** Asks a consumer’s operators’ route: `pause`, `resume`, `seek`. */
export function operate(t: TestApp, consumer: string, what: string, payload: object = {}) {
  const headers = { authorization: `Bearer ${adminToken}` }
  return t.http.request({ method: 'POST', url: `/admin/consumers/${consumer}/${what}`, headers, payload })
}

/** Has a consumer read its topic from the beginning, and waits until it has. */
export async function readAgain(t: TestApp, consumer = 'tasks') {
  await t.settled()
  const answer = await operate(t, consumer, 'seek', { to: 'earliest' })
  const before = answer.json().partitions as { partition: number; from: number | null; to: number }[]
  const read = before
    .filter(({ from, to }) => (from ?? 0) > to)
    .map(({ partition, from }) => ({ partition, next: from }))
  expect(read.length).toBeGreaterThan(0)
  const positions = async () =>
    (
      await t.database.query(
        `SELECT partition, next_offset::int AS next FROM millrace.position p JOIN millrace.consumer c ON c.id = p.consumer_id
          WHERE c.name = $1 AND generation > 0 AND next_offset > 0 ORDER BY partition`,
        [consumer],
      )
    ).rows
  await expect.poll(positions, { timeout: 10_000 }).toEqual(read.sort((a, b) => a.partition - b.partition))
  await t.settled()
}

/** Registers somebody and logs in. */
export async function register(t: TestApp, email = 'ann@example.org', password = 'correct horse'): Promise<Grant> {
  await t.http.post('/api/auth/register', { email, password })
  return (await t.http.post('/api/auth/login', { email, password })).json()
}
