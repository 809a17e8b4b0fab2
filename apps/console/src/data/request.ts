import type { Misfit, Problem } from 'millrace'

/** How long an answer may take. */
const patienceMs = 30_000

/** What went wrong, as a person can be told: the server's own words (RFC 9457) wherever it has answered. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  /** Of docs/errors.md; `UNREACHABLE` and `HTTP_…` are the console's own. */
  readonly code: string
  /** 0 where there was no answer. */
  readonly status: number
  /** What to do about it. */
  readonly remedy: string | undefined
  /** By which the server's log knows the request. */
  readonly requestId: string | undefined
  /** What of the request does not fit, place by place. */
  readonly misfits: readonly Misfit[]

  constructor(problem: Pick<Problem, 'code' | 'status' | 'detail'> & Partial<Problem>, options?: ErrorOptions) {
    super(problem.detail, options)
    this.code = problem.code
    this.status = problem.status
    this.remedy = problem.remedy
    this.requestId = problem.instance
    this.misfits = problem.errors ?? []
  }
}

/** One request to the server the console is from. */
export interface Request {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  /** Sent as JSON. */
  readonly body?: object
  /** The access token of the user. */
  readonly token?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** Sends a request; what is answered with an empty body is undefined. */
export type Send = (request: Request) => Promise<unknown>

/** @throws RequestError, or the signal's reason */
export const send: Send = async ({ method = 'GET', path, query = {}, body, token, signal }) => {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, `${value}`]]))
  const url = given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`
  const patience = AbortSignal.timeout(patienceMs)
  const headers = {
    accept: 'application/json',
    ...(body && { 'content-type': 'application/json' }),
    ...(token && { authorization: `Bearer ${token}` }),
  }
  try {
    const answer = await fetch(url, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    })
    const text = await answer.text()
    if (!answer.ok) throw refused(answer, text)
    return text === '' ? undefined : JSON.parse(text)
  } catch (error) {
    if (signal?.aborted || error instanceof RequestError) throw error
    throw unreachable(patience.aborted, error)
  }
}

function refused(answer: Response, text: string): RequestError {
  const problem = problemIn(answer, text)
  if (problem) return new RequestError(problem)
  // Not the app's: of a proxy before it, mostly.
  const { status, statusText } = answer
  return new RequestError({ code: `HTTP_${status}`, status, detail: `The answer was ${status} ${statusText}.` })
}

function problemIn({ headers }: Response, text: string): Problem | undefined {
  if (!headers.get('content-type')?.startsWith('application/problem+json')) return undefined
  try {
    return JSON.parse(text) as Problem
  } catch {
    return undefined
  }
}

function unreachable(isTooLate: boolean, cause: unknown): RequestError {
  const detail = isTooLate
    ? `The server did not answer within ${patienceMs / 1_000} s.`
    : 'The server cannot be reached.'
  const remedy = 'Try again once the connection is back. What was sent may have arrived.'
  return new RequestError({ code: 'UNREACHABLE', status: 0, detail, remedy }, { cause })
}
