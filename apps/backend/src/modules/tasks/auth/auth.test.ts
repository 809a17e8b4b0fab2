import type { TestApp } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { Listener } from '../../../listener.fixture.ts'
import { register, startTasks } from '../tasks.fixture.ts'
import type { Grant } from './credentials.ts'
import { argon2Passwords, type Passwords } from './passwords.ts'

const ann = { email: 'ann@example.org', password: 'correct horse' }

const post = async (t: TestApp, path: string, body: object) => {
  const answer = await t.http.post(`/api/auth/${path}`, body)
  return { status: answer.statusCode, headers: answer.headers, body: answer.body === '' ? undefined : answer.json() }
}

const refresh = (t: TestApp, { refresh_token }: Pick<Grant, 'refresh_token'>) => post(t, 'refresh', { refresh_token })

const count = async (t: TestApp, table: string): Promise<unknown> =>
  (await t.database.query(`SELECT count(*)::int AS n FROM tasks.${table}`)).rows[0]?.['n']

describe('registering', () => {
  test('makes an account, which logs in', async () => {
    await using t = await startTasks()
    const registered = await post(t, 'register', ann)
    expect(registered).toMatchObject({ status: 201, body: { id: expect.any(String), email: ann.email } })
    const login = await post(t, 'login', ann)
    expect(login).toMatchObject({
      status: 200,
      headers: { 'cache-control': 'no-store' },
      body: { token_type: 'Bearer', expires_in: 900, refresh_token: expect.any(String) },
    })
    const claims = JSON.parse(Buffer.from(login.body.access_token.split('.')[1], 'base64url').toString())
    expect(claims.sub).toBe(registered.body.id)
  })

  test('an e-mail has one account, in whatever case, also when two register at once', async () => {
    await using t = await startTasks()
    const emails = ['Ann@Example.org', ' ann@example.org ', 'ANN@EXAMPLE.ORG']
    const answers = await Promise.all(emails.map((email) => post(t, 'register', { ...ann, email })))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409])
    expect(answers.find(({ status }) => status === 409)?.body).toMatchObject({ code: 'EMAIL_TAKEN' })
    expect(await post(t, 'login', { ...ann, email: 'aNN@example.ORG' })).toMatchObject({ status: 200 })
  })

  test.each([
    ['no e-mail', { ...ann, email: 'ann' }],
    ['too long an e-mail', { ...ann, email: `${'a'.repeat(250)}@example.org` }],
    ['a password of 7', { ...ann, password: '1234567' }],
    ['a password of 201', { ...ann, password: 'x'.repeat(201) }],
    ['no password', { email: ann.email }],
  ])('refuses %s, and does not repeat it', async (_what, body) => {
    await using t = await startTasks()
    const answer = await post(t, 'register', body)
    expect(answer).toMatchObject({ status: 422, body: { code: 'REQUEST_INVALID' } })
    expect(JSON.stringify(answer.body)).not.toContain('1234567')
    expect(await count(t, 'account')).toBe(0)
  })

  test('passwords and tokens are kept as hashes alone', async () => {
    await using t = await startTasks()
    const { refresh_token } = await register(t)
    const rows = JSON.stringify((await t.database.query('SELECT * FROM tasks.account, tasks.session')).rows)
    expect(rows).toContain('$argon2id$v=19$m=19456,t=2,p=1$')
    expect(rows).not.toContain(ann.password)
    expect(rows).not.toContain(refresh_token.split('.')[1])
  })
})

describe('logging in', () => {
  /** Counts what takes the time. */
  function counted() {
    const calls: string[] = []
    const real = argon2Passwords()
    const passwords: Passwords = {
      hash: (password) => {
        calls.push('hash')
        return real.hash(password)
      },
      verify: (hash, password) => {
        calls.push(`verify ${hash.replace(/\$[^$]*\$[^$]*$/, '')}`)
        return real.verify(hash, password)
      },
    }
    return { passwords, calls }
  }

  test('fails in the same way, by the same work, whether there is such a user or not', async () => {
    const { passwords, calls } = counted()
    await using t = await startTasks({ login: { passwords } })
    await post(t, 'register', ann)
    const attempts = [
      { ...ann, password: 'wrong password' },
      { email: 'nobody@example.org', password: 'wrong password' },
      { email: 'nobody@example.org', password: 'x' },
    ]
    for (const attempt of attempts) {
      calls.length = 0
      const { status, body } = await post(t, 'login', attempt)
      const { instance: _, ...said } = body
      expect([status, said]).toEqual([
        401,
        expect.objectContaining({
          code: 'LOGIN_FAILED',
          detail: 'The e-mail and the password do not belong together.',
        }),
      ])
      expect(calls).toEqual(['verify $argon2id$v=19$m=19456,t=2,p=1'])
    }
  })

  test('registering costs the same whether the e-mail is taken or not', async () => {
    const { passwords, calls } = counted()
    await using t = await startTasks({ login: { passwords } })
    for (const status of [201, 409]) {
      calls.length = 0
      expect(await post(t, 'register', ann)).toMatchObject({ status })
      expect(calls).toEqual(['hash'])
    }
  })

  test('a flood of logins is bounded: some are told to come again, the others are answered', async () => {
    await using t = await startTasks()
    await post(t, 'register', ann)
    const answers = await Promise.all(Array.from({ length: 250 }, () => post(t, 'login', { ...ann, password: 'no' })))
    const statuses = new Set(answers.map(({ status }) => status))
    expect([...statuses].sort()).toEqual([401, 503])
    expect(answers.find(({ status }) => status === 503)?.headers['retry-after']).toBe('1')
    expect(await post(t, 'login', ann)).toMatchObject({ status: 200 })
  })

  test('its routes are limited for each address', async () => {
    await using t = await startTasks({ login: { rateLimit: { max: 3 } } })
    await register(t)
    const from = (remoteAddress: string) =>
      t.http.request({ method: 'POST', url: '/api/auth/login', payload: ann, remoteAddress })
    expect((await from('127.0.0.1')).statusCode).toBe(200)
    const refused = await from('127.0.0.1')
    expect(refused.json()).toMatchObject({ status: 429, code: 'TOO_MANY_REQUESTS' })
    expect(refused.headers['retry-after']).toMatch(/^\d+$/)
    expect((await from('10.0.0.1')).statusCode).toBe(200)
  })

  test('attempts are limited for each account, there or not, wherever they come from', async () => {
    await using t = await startTasks({ login: { accountLimit: { max: 2 } } })
    await post(t, 'register', ann)
    const attempts = async (email: string) => {
      const tried = async (nth: number) => {
        const payload = { email, password: 'not it' }
        const remoteAddress = `10.0.0.${nth}`
        return (await t.http.request({ method: 'POST', url: '/api/auth/login', payload, remoteAddress })).statusCode
      }
      return [await tried(1), await tried(2), await tried(3)]
    }
    expect(await attempts(' ANN@example.org')).toEqual([401, 401, 429])
    expect(await attempts('nobody@example.org')).toEqual([401, 401, 429])
    // Others are not concerned, nor is what they are logged in by.
    const grant = await register(t, 'ben@example.org')
    expect(await refresh(t, grant)).toMatchObject({ status: 200 })
    expect(await post(t, 'login', ann)).toMatchObject({ status: 429, body: { code: 'TOO_MANY_REQUESTS' } })
  })

  test('an account has fifty sessions at most: the oldest ends', async () => {
    await using t = await startTasks({ login: { passwords: { hash: async (text) => text, verify: async () => true } } })
    const first = await register(t)
    for (let more = 0; more < 49; more += 1) await post(t, 'login', ann)
    expect(await refresh(t, first)).toMatchObject({ status: 200 })
    await post(t, 'login', ann)
    expect(await count(t, 'session')).toBe(50)
    expect(await refresh(t, first)).toMatchObject({ status: 401 })
  })
})

describe('a session', () => {
  test('goes on with each refresh', async () => {
    await using t = await startTasks()
    let grant = await register(t)
    for (let times = 0; times < 3; times += 1) {
      const next = await refresh(t, grant)
      expect(next).toMatchObject({ status: 200, body: { token_type: 'Bearer' } })
      expect(next.body.refresh_token).not.toBe(grant.refresh_token)
      grant = next.body
    }
  })

  test('ends when a refresh token comes a second time, for the thief and for the user', async () => {
    await using t = await startTasks()
    const stolen = await register(t)
    const other = (await post(t, 'login', ann)).body
    const { body: next } = await refresh(t, stolen)
    expect(await refresh(t, stolen)).toMatchObject({ status: 401, body: { code: 'REFRESH_TOKEN_INVALID' } })
    expect(await refresh(t, next)).toMatchObject({ status: 401 })
    // Other devices are not concerned.
    expect(await refresh(t, other)).toMatchObject({ status: 200 })
  })

  test('of two refreshes at once with one token, one at most is answered with tokens that stay good', async () => {
    await using t = await startTasks()
    const grant = await register(t)
    const answers = await Promise.all([refresh(t, grant), refresh(t, grant), refresh(t, grant)])
    expect(answers.filter(({ status }) => status === 200).length).toBe(1)
    expect(await count(t, 'session')).toBe(0)
  })

  test('ends with its time, and its row is removed', async () => {
    await using t = await startTasks()
    const grant = await register(t)
    await t.clock.advance('29d')
    const { body: next } = await refresh(t, grant)
    await t.clock.advance('29d')
    expect(await refresh(t, next)).toMatchObject({ status: 200 })
    await t.clock.advance('31d')
    await t.settled()
    expect(await count(t, 'session')).toBe(0)
  })

  test('is not refreshed past its time, though its row is still there', async () => {
    await using t = await startTasks({ roles: ['api'] })
    const grant = await register(t)
    await t.clock.advance('31d')
    expect(await refresh(t, grant)).toMatchObject({ status: 401 })
  })

  test('ends when it logs out; a second time is no error', async () => {
    await using t = await startTasks()
    const { refresh_token } = await register(t)
    for (let times = 0; times < 2; times += 1)
      expect(await post(t, 'logout', { refresh_token })).toMatchObject({ status: 204 })
    expect(await refresh(t, { refresh_token })).toMatchObject({ status: 401 })
  })

  test.each([
    ['logs out', (t: TestApp, grant: Grant) => post(t, 'logout', grant)],
    [
      'comes with an old token',
      async (t: TestApp, grant: Grant) => {
        await refresh(t, grant)
        await refresh(t, grant)
      },
    ],
  ])('that %s closes the live connections of its user; others of his come again, and miss nothing', async (_, end) => {
    await using t = await startTasks()
    const lost = await register(t)
    const { body: kept } = await post(t, 'login', ann)
    const connect = (token: string, resume?: string) =>
      Listener.open(t, { channel: 'tasks', token, ...(resume !== undefined && { resume }) })
    using first = await connect(lost.access_token)
    using second = await connect(kept.access_token)
    using stranger = await connect((await register(t, 'bob@example.org')).access_token)
    await end(t, lost)
    expect(await Promise.all([first.closed, second.closed])).toEqual([4401, 4401])
    expect(await refresh(t, lost)).toMatchObject({ status: 401 })

    const headers = { authorization: `Bearer ${kept.access_token}` }
    await t.http.request({ method: 'POST', url: '/api/tasks', headers, payload: { title: 'tea' } })
    const { body: renewed } = await refresh(t, kept)
    using again = await connect(renewed.access_token, second.frames.at(-1)?.at)
    await expect.poll(() => again.messages).toMatchObject([{ type: 'task_created', data: { title: 'tea' } }])
    expect((await t.http.get('/ws/stats')).json()).toMatchObject({ total_connections: 2, user_connections: 2 })
    expect(stranger.frames).toHaveLength(1)
  })

  test('that is refreshed, or of which nothing is known, closes no connection', async () => {
    await using t = await startTasks()
    const grant = await register(t)
    using listener = await Listener.open(t, { channel: 'tasks', token: grant.access_token })
    const { body: next } = await refresh(t, grant)
    await post(t, 'logout', { refresh_token: `${crypto.randomUUID()}.${'a'.repeat(43)}` })
    await refresh(t, { refresh_token: 'x' })
    const headers = { authorization: `Bearer ${next.access_token}` }
    const created = await t.http.request({ method: 'POST', url: '/api/tasks', headers, payload: { title: 'tea' } })
    // What had been revoked before would have come before.
    await listener.heard('task_created', created.json().id)
  })

  test.each(['', 'x', `${crypto.randomUUID()}.${'a'.repeat(43)}`, "'; DROP TABLE tasks.session; --", 'a\0b'])(
    'is not refreshed by %j',
    async (refresh_token) => {
      await using t = await startTasks()
      await register(t)
      expect(await refresh(t, { refresh_token })).toMatchObject({ status: 401 })
      expect(await count(t, 'session')).toBe(1)
    },
  )
})
