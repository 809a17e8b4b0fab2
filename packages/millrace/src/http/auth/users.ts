import type { FastifyRequest } from 'fastify'
import { fail } from '../../core/errors.ts'
import type { Authenticate, Identity } from '../../core/identity.ts'
import type { RouteServer } from '../routes.ts'
import { bearerOf } from './bearer.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sent the request. Only routes that were added by `forUsers` may ask: elsewhere it throws. */
    readonly user: Identity
  }
  interface FastifyContextConfig {
    /** Set by `forUsers`. */
    needsUser?: boolean
  }
}

const users = new WeakMap<FastifyRequest, Identity>()

/** Who sent a request; undefined where nobody was recognised, or its route asks for nobody. */
export function userOf(request: FastifyRequest): Identity | undefined {
  return users.get(request)
}

/**
 * Recognises who sends requests to routes that need a user. It refuses nobody: that comes later, so that what counts requests
 * counts the refused ones too.
 */
export function recogniseUsers(server: RouteServer, authenticate: Authenticate = async () => undefined): void {
  server.decorateRequest('user', {
    getter(this: FastifyRequest) {
      const user = userOf(this)
      if (!user) throw new Error('request.user was read on a route that was not added by forUsers')
      return user
    },
  })
  server.addHook('onRequest', async (request) => {
    if (!request.routeOptions.config.needsUser) return
    const token = bearerOf(request)
    const user = token === undefined ? undefined : await authenticate(token)
    if (user) users.set(request, user)
  })
}

/**
 * Adds routes that need a user: requests bear his access token, `request.user` is he, and whoever has none, or an invalid
 * one, is answered 401. The documentation says so, and nobody keeps the answers.
 *
 * @throws UNAUTHORIZED, IDENTITY_UNAVAILABLE, as answers
 * @example
 * forUsers(route, (route) => {
 *   route.get('/tasks', { schema: list }, ({ user, query }) => listTasks(millrace.db, user.id, query))
 * })
 */
export function forUsers(route: RouteServer, register: (route: RouteServer) => void | Promise<void>): void {
  route.register(async (scope: RouteServer) => {
    scope.addHook('onRoute', (added) => {
      added.config = { ...added.config, needsUser: true }
      added.schema = { ...added.schema, security: [{ userToken: [] }] }
    })
    scope.addHook('onRequest', async (request, reply) => {
      reply.header('cache-control', 'no-store')
      if (userOf(request)) return
      reply.header('www-authenticate', bearerOf(request) === undefined ? 'Bearer' : 'Bearer error="invalid_token"')
      throw fail('UNAUTHORIZED', {})
    })
    await register(scope)
  })
}
