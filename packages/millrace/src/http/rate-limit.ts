import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'
import { type Duration, milliseconds } from '../core/duration.ts'
import { fail } from '../core/errors.ts'
import { userOf } from './auth/users.ts'
import type { RouteServer } from './routes.ts'

/** How often one user, or one address where there is no user, may ask. */
export interface RateLimit {
  /** Requests within a window. */
  readonly max: number
  /** It begins with the first request. @default '1m' */
  readonly window?: Duration
}

/**
 * What is asked by machines, often, and from the same address as everybody behind a proxy; and the client of live updates,
 * whose files a page has at hand: they would count against what its user does.
 */
const exempt = ['/health/', '/metrics', '/ws/client.js', '/ws/client/']

/** Lets routes and the server limit requests. */
export function prepareRateLimits(server: RouteServer): void {
  server.register(rateLimit, { global: false })
}

/**
 * Limits all requests of a server but health, metrics and the client of live updates; those that find no route too.
 *
 * @param isFree what is not counted besides
 */
export function limitAllRequests(
  server: RouteServer,
  limit: RateLimit,
  isFree: (request: FastifyRequest) => boolean,
): void {
  addLimit(server, limit, (request) => exempt.some((start) => request.url.startsWith(start)) || isFree(request))
}

/**
 * Limits the requests to the routes of a scope, all together: for each user, or for each address where there is no user.
 * Counts are kept in this process, of the 5,000 that asked last; IPv6 addresses count by their /64.
 *
 * @throws TOO_MANY_REQUESTS, as the answer
 * @example
 * route.register(async (route) => {
 *   limitRequests(route, { max: 20 })
 *   route.post('/login', …)
 * })
 */
export function limitRequests(route: RouteServer, limit: RateLimit): void {
  addLimit(route, limit, () => false)
}

function addLimit(
  server: RouteServer,
  { max, window = '1m' }: RateLimit,
  isExempt: (request: FastifyRequest) => boolean,
): void {
  const count = server.createRateLimit({ max, timeWindow: milliseconds(window), keyGenerator: whoOf })
  server.addHook('onRequest', async (request, reply) => {
    if (isExempt(request)) return
    const counted = await count(request)
    if (counted.isAllowed || !counted.isExceeded) return
    const seconds = Math.max(1, counted.ttlInSeconds)
    reply.header('retry-after', seconds)
    throw fail('TOO_MANY_REQUESTS', { max, seconds })
  })
}

function whoOf(request: FastifyRequest): string {
  const user = userOf(request)
  return user ? `user ${user.id}` : `address ${normalizeIP(request.ip)}`
}
