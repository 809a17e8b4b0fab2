import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createTestDatabase } from 'millrace/testing'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { addressOf, run } from '../../backend/src/process.fixture.ts'

/** The app in a process of its own, with the console. */
export interface RunningApp {
  /** The same for as long as the test runs. */
  readonly url: string
  /** Sends a request as a program does. */
  ask(method: string, path: string, options?: { token?: string; body?: object }): Promise<Answer>
  /** Starts another process on the same database, at an address of its own. */
  another(): Promise<Pick<RunningApp, 'url' | 'ask'>>
  /** Ends the process as a power cut does. */
  kill(): Promise<void>
  /** Starts another process on the same database, at the same address. */
  restart(): Promise<void>
}

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** When what was started is ended again: the last first. */
type AtEnd = (end: () => Promise<void>) => void

/** Starts the app on a database of its own; both end with the test. */
export function startApp(environment: Record<string, string> = {}): Promise<RunningApp> {
  return start(environment, onTestFinished)
}

/** To be called once, in the file of the tests: an app for all of them, each with users of its own. */
export function sharedApp(environment: Record<string, string> = {}): () => RunningApp {
  const ends: (() => Promise<void>)[] = []
  let app: RunningApp | undefined
  beforeAll(async () => {
    app = await start(environment, (end) => ends.unshift(end))
  })
  afterAll(async () => {
    for (const end of ends) await end()
  })
  return () => {
    if (!app) throw new Error('the app is there in tests')
    return app
  }
}

async function start(environment: Record<string, string>, atEnd: AtEnd): Promise<RunningApp> {
  const database = await createTestDatabase()
  atEnd(() => database.drop())
  const settings = { DATABASE_URL: database.url, AUTH_RATE_LIMIT: '1000', ...environment }
  const startAt = async (port: string) => {
    const child = run({ ...settings, PORT: port }, atEnd)
    const url = await addressOf(child)
    // What nobody reads would stop it in the end.
    child.stdout.resume()
    return { child, url }
  }
  const { child: first, url } = await startAt('0')
  let child = first
  return {
    url,
    ask: (method, path, options) => ask(method, url + path, options),
    another: async () => {
      const { url } = await startAt('0')
      return { url, ask: (method, path, options) => ask(method, url + path, options) }
    },
    kill: async () => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
    restart: async () => {
      child = (await startAt(new URL(url).port)).child
    },
  }
}

async function ask(
  method: string,
  url: string,
  { token, body }: { token?: string; body?: object } = {},
): Promise<Answer> {
  const answer = await fetch(url, {
    method,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? {} : JSON.parse(text) }
}

/** Who may sign in. */
export interface Account {
  readonly email: string
  readonly password: string
  /** Good for requests of a program. */
  readonly token: string
}

/** Registers somebody new. */
export async function register(app: RunningApp): Promise<Account> {
  const email = `${randomUUID().slice(0, 8)}@example.org`
  const password = 'correct horse'
  await app.ask('POST', '/api/auth/register', { body: { email, password } })
  const { body } = await app.ask('POST', '/api/auth/login', { body: { email, password } })
  return { email, password, token: String(body['access_token']) }
}
