import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { messageOf } from 'millrace'
import { ScriptError } from './script.ts'

/** An answer of the API. */
export interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** Something that the socket was told. */
export interface Told {
  readonly type: string
  readonly id: string
  /** By `performance.now()`. */
  readonly at: number
}

/** A user who has just registered, and his browser. */
export class Visitor implements Disposable {
  readonly id: string
  /** What his browser was told, in order. */
  readonly told: Told[] = []
  readonly #url: string
  readonly #token: string
  readonly #socket: WebSocket

  private constructor(url: string, id: string, token: string) {
    this.id = id
    this.#url = url
    this.#token = token
    this.#socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws/tasks?${new URLSearchParams({ token })}`)
    this.#socket.addEventListener('message', ({ data }) => {
      const at = performance.now()
      const { type, data: task } = JSON.parse(data)
      if (task) this.told.push({ type, id: task.id, at })
    })
  }

  /**
   * Registers, logs in, and opens the socket.
   *
   * @throws ScriptError where that is not possible
   */
  static async register(url: string): Promise<Visitor> {
    const credentials = { email: `demo-${randomUUID()}@example.org`, password: randomUUID() }
    const registered = await ask(url, 'POST', '/api/auth/register', { body: credentials })
    if (registered.status === 404)
      throw new ScriptError(`Nobody registers at ${url}: its users log in elsewhere, or it has no tasks.`)
    const { body } = await expected(registered, 201)
    const login = await expected(await ask(url, 'POST', '/api/auth/login', { body: credentials }), 200)
    const visitor = new Visitor(url, String(body['id']), String(login.body['access_token']))
    await visitor.#opened()
    return visitor
  }

  /** Sends a request as this user. */
  ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Answer> {
    return ask(this.#url, method, path, { token: this.#token, body })
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }

  /** The first message says that it is connected. */
  async #opened(): Promise<void> {
    const settled = new AbortController()
    const first = once(this.#socket, 'message', { signal: settled.signal })
    const closed = once(this.#socket, 'close', { signal: settled.signal }).then(([{ code }]) => {
      throw new ScriptError(`The socket at ${this.#url}/ws/tasks was closed with ${code}.`)
    })
    await Promise.race([first, closed]).finally(() => settled.abort())
    await Promise.allSettled([first, closed])
  }
}

/** @throws ScriptError where the answer has another status */
export function expected(answer: Answer, status: number): Answer {
  if (answer.status === status) return answer
  const { detail, code } = answer.body
  throw new ScriptError(
    `The app answered ${answer.status} instead of ${status}: ${detail ?? ''} (${code ?? 'no code'})`,
  )
}

async function ask(
  url: string,
  method: string,
  path: string,
  { token, body }: { readonly token?: string; readonly body?: object | undefined },
): Promise<Answer> {
  const headers = {
    ...(token && { authorization: `Bearer ${token}` }),
    ...(body && { 'content-type': 'application/json' }),
  }
  const answer = await fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) }).catch(
    (error: unknown) => {
      const reason = messageOf(error instanceof Error ? (error.cause ?? error) : error)
      throw new ScriptError(`There is no app at ${url}: ${reason}\nStart one (npm start), or leave --url out.`)
    },
  )
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? {} : parsed(text) }
}

function parsed(text: string): Answer['body'] {
  try {
    return JSON.parse(text)
  } catch {
    return { detail: 'what answers there is no app of this kind' }
  }
}
