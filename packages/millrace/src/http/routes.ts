import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Millrace, Routes } from '../core/module.ts'

/** A Fastify instance whose schemas are Zod's: requests are typed and validated by them, answers too. */
export type RouteServer = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>

/**
 * Defines the HTTP routes of a module, relative to its prefix. What is added to `route` (hooks, plugins) stays within
 * the module.
 *
 * @example
 * export const routes = defineRoutes((route, millrace) => {
 *   route.post('/', { schema: { body: createOrder, response: { 201: order } } }, async (request, reply) => { … })
 * })
 */
export function defineRoutes(register: (route: RouteServer, millrace: Millrace) => void | Promise<void>): Routes {
  return { kind: 'routes', register }
}
