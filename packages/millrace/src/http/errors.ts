import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import { fail, type MillraceError } from '../core/errors.ts'
import { problemOf, problemType } from './problem.ts'
import type { RouteServer } from './routes.ts'
import { type Answerable, translate } from './translate.ts'

/** Seconds after which what was unavailable may be asked for again. */
const retryAfter = 1

/** A path is quoted in answers up to this length. */
const longestQuotedPath = 200

/** Makes every error of a server an answer of RFC 9457, and logs those that are the server's fault. */
export function answerErrors(server: RouteServer): void {
  server.setErrorHandler(answerError)
  server.setNotFoundHandler((request, reply) => {
    const path = request.url.replace(/\?.*/, '').slice(0, longestQuotedPath)
    return answer(request, reply, { error: fail('ROUTE_NOT_FOUND', { method: request.method, path }) })
  })
}

/** Answers an error that was thrown while a request was served, or before it came to a route. */
export function answerError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const answerable = translate(thrown, request)
  log(request.log, answerable, thrown)
  return answer(request, reply, answerable)
}

function answer(request: FastifyRequest, reply: FastifyReply, { error, status, misfits }: Answerable): FastifyReply {
  const problem = problemOf(error, request.id, status, misfits)
  if (problem.status === 503) reply.header('retry-after', retryAfter)
  // Serialized here: a route's response schemas are for its own answers.
  return reply.code(problem.status).header('x-request-id', request.id).type(problemType).send(JSON.stringify(problem))
}

function log(logger: FastifyBaseLogger, { error, status = error.status }: Answerable, thrown: unknown): void {
  if (status === 503) logger.warn({ err: thrown }, 'a request could not be served for now')
  else if (status >= 500) logger.error({ err: thrown }, 'a request failed')
  else logger.debug({ code: error.code, problem: error.message }, 'a request was refused')
}

/** Answers what is not HTTP, or was cut off, on the bare connection, and closes it. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  answerOnSocket(brokenRequest(error), socket)
}

/** Answers an error on a connection that no request's answer can be made for, and closes it. */
export function answerOnSocket(error: MillraceError, socket: Duplex): void {
  const problem = problemOf(error, randomUUID())
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `content-type: ${problemType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${problem.instance}`,
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function brokenRequest({ code, message }: Error & { code?: string }): MillraceError {
  if (code === 'HPE_HEADER_OVERFLOW') return fail('HEADERS_TOO_LARGE', {})
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return fail('REQUEST_TIMED_OUT', {})
  return fail('REQUEST_UNREADABLE', { problem: message.replace(/^Parse Error: /, '') })
}
