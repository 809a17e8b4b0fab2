import type { FastifyError, FastifyRequest } from 'fastify'
import { fail, isMillraceError, type MillraceError, messageOf } from '../core/errors.ts'
import type { Misfit } from './problem.ts'

/** An error as it is answered. */
export interface Answerable {
  readonly error: MillraceError
  /** Where it is not the code's own. */
  readonly status?: number
  readonly misfits?: Misfit[]
}

/** Names by which clients know the parts of a request. */
const partNames: Readonly<Record<string, string>> = { querystring: 'query' }

/** Finds the answer for whatever was thrown while a request was served. What is not known is INTERNAL. */
export function translate(thrown: unknown, request: FastifyRequest): Answerable {
  const own = millraceErrorIn(thrown)
  if (own) return { error: own }
  if (!(thrown instanceof Error)) return { error: internal(thrown) }
  const error = thrown as FastifyError
  if (error.validation) return invalid(error)
  return bodyError(error, request) ?? clientError(error) ?? { error: internal(error) }
}

/** Query builders wrap the errors of statements; that the database or broker is away must be seen through them. */
function millraceErrorIn(thrown: unknown): MillraceError | undefined {
  if (isMillraceError(thrown)) return thrown
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth += 1) {
    if (isMillraceError(error) && error.status === 503) return error
  }
  return undefined
}

function invalid({ validation = [], validationContext = 'body' }: FastifyError): Answerable {
  const part = partNames[validationContext] ?? validationContext
  const misfits = validation.map(({ instancePath, message = 'is invalid' }) => ({
    path: [part, ...instancePath.split('/').filter((step) => step !== '')].join('.'),
    message,
  }))
  const problem = misfits.map(({ path, message }) => `${path}: ${message}`).join('; ')
  return { error: fail('REQUEST_INVALID', { problem }), misfits }
}

function bodyError(error: FastifyError, { headers, routeOptions }: FastifyRequest): Answerable | undefined {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return { error: fail('BODY_TOO_LARGE', { limit: routeOptions.bodyLimit }) }
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return {
        error: fail('MEDIA_TYPE_UNSUPPORTED', { type: headers['content-type'] ?? 'a body without content-type' }),
      }
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return { error: fail('BODY_UNREADABLE', { problem: withoutStop(error.message) }) }
    default:
      // The JSON parser's own errors, such as for a `__proto__` key.
      if (!(error instanceof SyntaxError) || error.statusCode !== 400) return undefined
      return { error: fail('BODY_UNREADABLE', { problem: error.message }) }
  }
}

/** An error with a 4xx status is meant for the client: Fastify's own, and those of its plugins. */
function clientError(error: FastifyError): Answerable | undefined {
  const { statusCode: status = 500 } = error
  if (status < 400 || status > 499) return undefined
  const isFastifys = error.code?.startsWith('FST_ERR_') ?? false
  return { error: fail(isFastifys ? 'REQUEST_UNREADABLE' : 'REQUEST_REFUSED', { problem: messageOf(error) }), status }
}

function internal(cause: unknown): MillraceError {
  return fail('INTERNAL', {}, { cause })
}

function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, '')
}
