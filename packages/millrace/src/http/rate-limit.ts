import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'
import { type Duration, milliseconds } from '../core/duration.ts'
import { fail } from '../core/errors.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { SharedCounter } from '../ports/counter.ts'
import { userOf } from './auth/users.ts'
import type { RouteServer } from './routes.ts'

/** How often one user, or one address where there is no user, may ask. */
export interface RateLimit {
  /** Requests within a window. */
  readonly max: number
  /** It begins with the first request. @default '1m' */
  readonly window?: Duration
}

/** A limit of some routes. */
export interface RequestLimit extends RateLimit {
  /** Tells it from the other limits of the app. @default the prefix of the routes */
  readonly name?: string
  /**
   * What a request counts for, which may be in its body; undefined: it does not count. Default: its user, or its address where
   * there is no user
   */
  readonly by?: (request: FastifyRequest) => string | undefined
}

/**
 * What is asked by machines, often, and from the same address as everybody behind a proxy; and the client of live updates,
 * whose files a page has at hand: they would count against what its user does.
 */
const exempt = ['/health/', '/metrics', '/ws/client.js', '/ws/client/']

/** What all limits of a server have in common. */
interface Limits {
  readonly counter: SharedCounter | undefined
  readonly names: Set<string>
  /** A request was counted by this process alone, where all should count together. */
  readonly countedAlone: () => void
}

const limitsOf = Symbol('rate limits')

/** Lets routes and the server limit requests; with a counter, all processes count together. */
export function prepareRateLimits(server: RouteServer, metrics: Metrics, counter: SharedCounter | undefined): void {
  const alone = metrics.counter('requests_counted_alone_total')
  const limits: Limits = { counter, names: new Set(), countedAlone: () => alone.inc() }
  server.decorate(limitsOf, limits)
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
  const isExempt = (request: FastifyRequest) => exempt.some((start) => request.url.startsWith(start)) || isFree(request)
  const by = (request: FastifyRequest) => (isExempt(request) ? undefined : whoOf(request))
  addLimit(server, 'onRequest', { ...limit, name: 'all', by })
}

/**
 * Limits the requests to the routes of a scope, all together: for each user, or for each address where there is no user.
 * Where the app has a shared counter, all processes count together. While that does not answer, and without one, a process
 * goes by its own counts, of the 5,000 that asked last. IPv6 addresses count by their /64.
 *
 * @throws TOO_MANY_REQUESTS, as the answer; DEFINITION_INVALID where another limit has its name
 * @example
 * route.register(async (route) => {
 *   limitRequests(route, { max: 20 })
 *   route.post('/login', …)
 * })
 */
export function limitRequests(route: RouteServer, limit: RequestLimit): void {
  const { name = `routes ${route.prefix}`, by } = limit
  // A body is there, and fits its schema, only then.
  if (by) addLimit(route, 'preHandler', { ...limit, name, by })
  else addLimit(route, 'onRequest', { ...limit, name, by: whoOf })
}

function addLimit(
  server: RouteServer,
  hook: 'onRequest' | 'preHandler',
  { max, window = '1m', name, by }: Required<Pick<RequestLimit, 'name' | 'by'>> & RateLimit,
): void {
  const { counter, names, countedAlone } = server.getDecorator<Limits>(limitsOf)
  if (names.has(name))
    throw fail('DEFINITION_INVALID', { what: `The limit "${name}"`, problem: 'there is another one of this name' })
  names.add(name)
  const windowMs = milliseconds(window)
  const countHere = server.createRateLimit({ max, timeWindow: windowMs, keyGenerator: (request) => by(request) ?? '' })
  server.addHook(hook, async (request, reply) => {
    const who = by(request)
    if (who === undefined) return
    // Always, so that what comes while nobody else counts is not the first.
    const here = await countHere(request)
    const all = await counter?.add(`${name} ${who}`, windowMs)
    if (counter && !all) countedAlone()
    if (here.isAllowed || !(all ? all.count > max : here.isExceeded)) return
    const seconds = Math.max(1, Math.ceil((all?.leftMs ?? here.ttl) / 1_000))
    reply.header('retry-after', seconds)
    throw fail('TOO_MANY_REQUESTS', { max, seconds })
  })
}

function whoOf(request: FastifyRequest): string {
  const user = userOf(request)
  return user ? `user ${user.id}` : `address ${normalizeIP(request.ip)}`
}
