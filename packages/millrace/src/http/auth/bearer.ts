import type { FastifyRequest } from 'fastify'

/** The token that a request bears (RFC 6750); undefined where it bears none. */
export function bearerOf({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
}
