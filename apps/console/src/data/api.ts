import { type Request, RequestError, type Send } from './request.ts'
import type { Session } from './session.ts'

/** What is asked besides the path. */
type Asked = Omit<Request, 'method' | 'path' | 'token'>

/** The app's HTTP API, as the user who is signed in. Answers have the types of the backend, which checks them as it sends them. */
export class Api {
  readonly #session: Pick<Session, 'accessToken' | 'end'>
  readonly #send: Send

  constructor(session: Pick<Session, 'accessToken' | 'end'>, send: Send) {
    this.#session = session
    this.#send = send
  }

  /** @throws RequestError */
  get<Answer>(path: string, asked: Asked = {}): Promise<Answer> {
    return this.#ask({ method: 'GET', path, ...asked }) as Promise<Answer>
  }

  /** @throws RequestError */
  post<Answer>(path: string, asked: Asked = {}): Promise<Answer> {
    return this.#ask({ method: 'POST', path, ...asked }) as Promise<Answer>
  }

  /** @throws RequestError */
  patch<Answer>(path: string, asked: Asked = {}): Promise<Answer> {
    return this.#ask({ method: 'PATCH', path, ...asked }) as Promise<Answer>
  }

  /** @throws RequestError */
  async delete(path: string, asked: Asked = {}): Promise<void> {
    await this.#ask({ method: 'DELETE', path, ...asked })
  }

  /** A token that is refused is exchanged once; if the next one is refused too, the user has to sign in. */
  async #ask(request: Request): Promise<unknown> {
    const token = await this.#session.accessToken()
    try {
      return await this.#send({ ...request, token })
    } catch (error) {
      if (!isUnauthorized(error) || token === undefined) throw error
      const next = await this.#session.accessToken(token)
      if (next === undefined) throw error
      return this.#again(request, next)
    }
  }

  async #again(request: Request, token: string): Promise<unknown> {
    try {
      return await this.#send({ ...request, token })
    } catch (error) {
      if (isUnauthorized(error)) this.#session.end(token)
      throw error
    }
  }
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof RequestError && error.status === 401
}
