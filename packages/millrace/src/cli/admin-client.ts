import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fail, messageOf } from '../core/errors.ts'
import { textOf, UsageError, type Values } from './command.ts'

/** Variables of the environment, by name. */
export type Environment = Readonly<Record<string, string | undefined>>

const patienceMs = 30_000

/** The app has answered a request with an error. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused'
  /** What to do about it. */
  readonly remedies: readonly string[]

  constructor({ detail, code, remedy }: Problem) {
    super(`${detail} (${code})`)
    this.remedies = remedy === undefined ? [] : [remedy]
  }
}

interface Problem {
  readonly detail: string
  readonly code: string
  readonly remedy?: string
}

/** Speaks to the operators' routes of a running app. */
export class AdminClient {
  readonly #url: string
  readonly #token: string | undefined

  constructor(url: string, token: string | undefined) {
    this.#url = url
    this.#token = token
  }

  /** @throws UsageError */
  static async create(values: Values, environment: Environment): Promise<AdminClient> {
    const url = URL.parse(textOf(values, 'url') ?? 'http://127.0.0.1:8003')
    if (!url || !/^https?:$/.test(url.protocol))
      throw new UsageError(`--url is "${values['url']}", which is no address.`)
    const token = textOf(values, 'token') ?? (environment['ADMIN_TOKEN'] || (await tokenInFile(url, environment)))
    return new AdminClient(url.href.replace(/\/$/, ''), token)
  }

  /** Asks, by GET. What is undefined is left out. */
  get<Answer>(path: string, query: Readonly<Record<string, string | number | boolean | undefined>> = {}) {
    const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]))
    return this.#request<Answer>('GET', given.length > 0 ? `${path}?${new URLSearchParams(given)}` : path)
  }

  post<Answer>(path: string, body?: object): Promise<Answer> {
    return this.#request<Answer>('POST', path, body)
  }

  /** @throws RequestRefused, APP_UNREACHABLE */
  async #request<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    const headers = {
      ...(this.#token && { authorization: `Bearer ${this.#token}` }),
      ...(body && { 'content-type': 'application/json' }),
    }
    const signal = AbortSignal.timeout(patienceMs)
    const answer = await fetch(`${this.#url}/admin${path}`, {
      ...{ method, headers, signal, redirect: 'error' },
      ...(body && { body: JSON.stringify(body) }),
    }).catch((error: unknown) => {
      throw this.#unreachable(causeOf(error))
    })
    const said: unknown = await answer.json().catch(() => undefined)
    if (answer.ok && said !== undefined) return said as Answer
    if (isProblem(said)) throw new RequestRefused(said)
    throw this.#unreachable(`what answers there (status ${answer.status}) is no Millrace app`)
  }

  #unreachable(problem: string): Error {
    return fail('APP_UNREACHABLE', { url: this.#url, problem })
  }
}

/** The token that an app with the embedded PostgreSQL has made; not shown to other machines. */
async function tokenInFile({ hostname }: URL, environment: Environment): Promise<string | undefined> {
  if (!['127.0.0.1', '[::1]', 'localhost'].includes(hostname)) return undefined
  const file = join(environment['DATA_DIR'] || '.millrace', 'admin-token')
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.trim() || undefined
}

function isProblem(said: unknown): said is Problem {
  return typeof said === 'object' && said !== null && 'detail' in said && 'code' in said
}

/** `fetch` says why in the cause alone. */
function causeOf(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error)
}
