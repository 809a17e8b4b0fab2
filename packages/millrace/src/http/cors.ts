import cors from '@fastify/cors'
import type { RouteServer } from './routes.ts'

/** Lets pages of these origins read answers; tokens come in a header, so nothing is sent along by itself. */
export function allowOrigins(server: RouteServer, origins: readonly string[]): void {
  if (origins.length === 0) return
  server.register(cors, {
    origin: origins.includes('*') ? '*' : [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: ['x-request-id', 'retry-after', 'location', 'etag', 'link'],
    maxAge: 600,
    strictPreflight: false,
  })
}
