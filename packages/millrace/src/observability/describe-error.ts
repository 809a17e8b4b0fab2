import { isMillraceError } from '../core/errors.ts'

/** How deep causes are followed: an error of ours, its driver's, the socket's, and one to spare. */
const deepest = 4

/** What a log line has of an error. */
export interface DescribedError {
  readonly type: string
  readonly message: string
  /** The catalogue's code, PostgreSQL's SQLSTATE or Node's, where there is one. */
  readonly code?: string
  readonly details?: Readonly<Record<string, unknown>>
  readonly stack?: string
  readonly cause?: DescribedError
  readonly errors?: readonly DescribedError[]
}

/** Makes a plain object of whatever was thrown, causes included, passwords in URLs taken out. */
export function describeError(thrown: unknown, depth = 0): DescribedError {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: withoutPasswords(String(thrown)) }
  const code = 'code' in thrown && typeof thrown.code === 'string' ? { code: thrown.code } : {}
  const details = isMillraceError(thrown) ? { details: masked(thrown.details) } : {}
  const stack = thrown.stack === undefined ? {} : { stack: withoutPasswords(thrown.stack) }
  const further = depth < deepest ? beneath(thrown, depth + 1) : {}
  return { type: thrown.name, message: withoutPasswords(thrown.message), ...code, ...details, ...stack, ...further }
}

function beneath(error: Error, depth: number): Pick<DescribedError, 'cause' | 'errors'> {
  return {
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause, depth) }),
    ...(error instanceof AggregateError ? { errors: error.errors.map((each) => describeError(each, depth)) } : {}),
  }
}

function masked(details: Readonly<Record<string, string | number>>): Record<string, string | number> {
  const mask = (value: string | number) => (typeof value === 'string' ? withoutPasswords(value) : value)
  return Object.fromEntries(Object.entries(details).map(([name, value]) => [name, mask(value)]))
}

/** Hides the password of every `scheme://user:password@host` in a text. */
export function withoutPasswords(text: string): string {
  return text.replace(/(\w:\/\/[^\s:/@]*:)[^\s/]*@/g, '$1***@')
}
