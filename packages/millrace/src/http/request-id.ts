import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** What may be taken over into headers, logs and answers as it is. */
const sane = /^[\w.:+/=-]{1,128}$/

/** The request's id: the caller's `x-request-id` when it is a sane one, else a random UUID. */
export function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && sane.test(given) ? given : randomUUID()
}
