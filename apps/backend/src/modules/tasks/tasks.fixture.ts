import { createJwtTokens } from 'millrace/jwt'
import { type TestApp, type TestAppOptions, testApp } from 'millrace/testing'
import { bind } from '../../database.ts'
import type { Grant } from './auth/credentials.ts'
import type { LoginOptions } from './auth/http.ts'
import { tasks } from './module.ts'

const tokens = createJwtTokens({
  ...{ secret: 'a secret of thirty-two bytes or more', issuer: 'test', audience: 'test', lifetime: '15m' },
})

interface StartOptions extends Pick<TestAppOptions, 'roles'> {
  readonly login?: Partial<LoginOptions>
  readonly adminToken?: string
}

/** An app with tasks, whose users log in there. */
export function startTasks({ login, adminToken, roles }: StartOptions = {}): Promise<TestApp> {
  return testApp({
    modules: [tasks({ dueSoonBefore: '24h', login: { issueToken: tokens.issue, refreshLifetime: '30d', ...login } })],
    bind,
    http: { host: '127.0.0.1', port: 0, authenticate: tokens.authenticate, ...(adminToken && { adminToken }) },
    ...(roles && { roles }),
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

/** Registers somebody and logs in. */
export async function register(t: TestApp, email = 'ann@example.org', password = 'correct horse'): Promise<Grant> {
  await t.http.post('/api/auth/register', { email, password })
  return (await t.http.post('/api/auth/login', { email, password })).json()
}
